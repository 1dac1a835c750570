"""One reader per trainer: files in, blocks out."""
