-- What a purge that began at a moment has left, because other transactions hold it.
select (select count(*) from {ready} where created_at <= %(until)s::timestamptz)
     + (select count(*) from {scheduled} where created_at <= %(until)s::timestamptz)
