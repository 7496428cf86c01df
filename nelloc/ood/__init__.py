"""Out-of-distribution detection by likelihood (thesis section 5.3)."""
