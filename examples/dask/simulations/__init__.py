"""A queue whose handlers run on a Dask cluster."""
