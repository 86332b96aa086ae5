create index concurrently {{ index }} on {{ ready }} ((-priority), run_at, id)
{%- if predicate %} where {{ predicate }}{% endif %};
