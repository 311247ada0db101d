"""Archives and appc images that are hostile in what is outside of their layers."""
