"""The definitions: what a folder may hold, read with positions, checked, and explained when it is wrong."""
