"""Data that is generated, or on the reader's machine already."""
