"""Whole models made of the cells; one file each."""
