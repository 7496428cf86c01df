"""Images that a network is bad at: an adaptive coder for screens, text, drawings, palettes, patterns and noise."""
