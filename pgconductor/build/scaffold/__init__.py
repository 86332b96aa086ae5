"""Skeletons of handlers that conductor.toml names and nobody has written yet.

module -> what a file of the user's defines          skeleton -> the source of one function
missing -> the changes to the files
"""
