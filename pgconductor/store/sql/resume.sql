-- Count the children that ended; their parents are ready when all of theirs have. Returns how many parents.
select {schema}.resume()
