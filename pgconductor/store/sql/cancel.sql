-- True: it will never complete. False: it has ended, or there is none.
select {schema}.cancel(%(id)s, %(reason)s)
