"""What the columns of every Parquet file mean: declared here, held by the writers, shown in docs/rows.md."""
