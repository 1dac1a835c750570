"""Phase diagrams: which rule wins where, drawn from the rows of a sweep."""
