"""Pictures that were JPEG files: kept as their coefficients, and JPEG files byte for byte."""
