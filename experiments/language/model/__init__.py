"""The transformer: sizes, forward pass, sampling, pretrained folders."""
