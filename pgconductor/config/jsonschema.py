"""JSON Schema, as far as it means the same as payload fields, translated to the same tree."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from pgconductor.config import names
from pgconductor.config.constraints import allowed, wrong
from pgconductor.config.suggestion import listed
from pgconductor.config.types import (
    NONE,
    Constrained,
    ConstraintName,
    Enum,
    Field,
    Fields,
    Generic,
    LiteralType,
    Scalar,
    ScalarName,
    Shared,
    SharedType,
    TypeExpr,
    is_hashable,
    is_nullable,
    union,
)

_TYPES: dict[str, ScalarName] = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
}
_FORMATS: dict[str, ScalarName] = {
    "date": "date",
    "time": "time",
    "date-time": "datetime",
    "duration": "timedelta",
    "uuid": "uuid",
    "email": "email",
    "uri": "url",
    "binary": "bytes",
}
_NUMBER: dict[str, ConstraintName] = {
    "minimum": "ge",
    "exclusiveMinimum": "gt",
    "maximum": "le",
    "exclusiveMaximum": "lt",
    "multipleOf": "multiple_of",
}
# By the type that they apply to: on another type JSON Schema gives them no meaning.
_LIMITS: dict[str, dict[str, ConstraintName]] = {
    "string": {"minLength": "min_length", "maxLength": "max_length", "pattern": "pattern"},
    "integer": _NUMBER,
    "number": _NUMBER,
    "array": {"minItems": "min_length", "maxItems": "max_length"},
    "object": {"minProperties": "min_length", "maxProperties": "max_length"},
}
# Annotations: they say nothing about which values are valid.
_IGNORED = frozenset(
    {
        "$schema", "$id", "$comment", "$anchor", "$defs", "definitions", "title", "description", "default", "examples",
        "deprecated", "readOnly", "writeOnly", "contentMediaType", "contentEncoding",
    }
)  # fmt: skip
# What decides alone, and may stand beside no other keyword. An enum's values say their types themselves.
_ALONE = {"$ref": set[str](), "const": {"type"}, "enum": {"type"}, "anyOf": set[str](), "oneOf": set[str]()}
_UNDERSTOOD = {
    "type", "format", "properties", "required", "additionalProperties", "items", "uniqueItems",
    *_ALONE, *(key for limits in _LIMITS.values() for key in limits),
}  # fmt: skip
_OF_AN_OBJECT = {"type", "properties", "required", "additionalProperties"}
DEEPEST = 40


class Translation:
    """One translation.

    Args:
        model: the name of the model to be generated; nested objects are named after it.

    Attributes:
        types: the nested objects and `$defs` that became types of their own.
        problems: what could not be translated, with the JSON pointer to it.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self.types: dict[str, SharedType] = {}
        self.problems: list[tuple[str, str]] = []
        self.definitions: dict[str, tuple[str, Any]] = {}  # "#/$defs/Address" to its type's name and its schema
        self.depth = 0

    def whole(self, schema: Any) -> Fields | None:
        """The fields of a schema of an object; None if it is not one."""
        if isinstance(schema, dict):
            self.define(schema)
            for pointer, (name, definition) in self.definitions.items():
                self.types[name] = self.definition(definition, name, pointer.removeprefix("#"))
            # pydantic writes a model that contains itself as a reference to one of its definitions.
            found = self.definitions.get(str(schema.get("$ref")))
            root = self.types.get(found[0]) if found else None
            if isinstance(root, Fields) and not schema.keys() - _IGNORED - {"$ref"}:
                return root
        if not isinstance(schema, dict) or not isinstance(schema.get("properties", {}), dict):
            self.problem("", "a payload is an object with `properties`")
            return None
        if schema.get("type", "object") != "object":
            self.problem("/type", "a payload is an object: `type` must be `object`")
            return None
        return self.object(schema, self.model, "")

    def problem(self, pointer: str, message: str) -> Scalar:
        self.problems.append((pointer, message))
        return Scalar("any")

    def define(self, schema: dict[str, Any]) -> None:
        for key in ("$defs", "definitions"):
            found = schema.get(key, {})
            for name, definition in found.items() if isinstance(found, dict) else ():
                type_name = self.model + names.pascal(name)
                taken = {self.model, *(other for other, _ in self.definitions.values())}
                if type_name in taken:
                    self.problem(f"/{key}/{name}", f"another definition is called `{type_name}` too")
                self.definitions[f"#/{key}/{name}"] = type_name, definition

    def definition(self, schema: Any, name: str, pointer: str) -> SharedType:
        """A definition as a shared type. What is neither an object nor an enum is wrapped where it is used."""
        if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
            return self.object(schema, name, pointer)
        values = schema.get("enum") if isinstance(schema, dict) else None
        if isinstance(values, list) and values and all(isinstance(value, str) for value in values):
            return Enum(tuple(dict.fromkeys(values)))
        self.problem(pointer, "a definition is an object with `properties`, or an `enum` of strings")
        return Fields()

    def object(self, schema: dict[str, Any], name: str, pointer: str) -> Fields:
        self.only(_OF_AN_OBJECT, schema, pointer)
        if schema.get("additionalProperties", False) is not False:
            self.problem(f"{pointer}/additionalProperties", "a model takes no further properties")
        required = schema.get("required", [])
        if not isinstance(required, list) or not all(isinstance(item, str) for item in required):
            self.problem(f"{pointer}/required", "a list of names is expected")
            required = []
        found = (
            [
                self.field(key, value, key in required, name, f"{pointer}/properties/{key}")
                for key, value in schema["properties"].items()
            ]
            if schema.get("properties")
            else []
        )
        for missing in sorted(set(required) - {field.name for field in found}):
            self.problem(f"{pointer}/required", f"`{missing}` is not among the properties")
        return Fields(tuple(found))

    def field(self, key: str, schema: Any, required: bool, model: str, pointer: str) -> Field:
        if not names.FIELD.pattern.fullmatch(key) or names.FIELD.refusal(key):
            self.problem(pointer, f"`{key}` cannot be the name of a field, which is snake_case and no reserved word")
        expr = self.expr(schema, model + names.pascal(key), pointer)
        details = schema if isinstance(schema, dict) else {}
        absent = not required and details.get("default") is None
        return Field(
            name=key,
            type=union(expr, NONE) if absent and not is_nullable(expr) else expr,
            required=required and "default" not in details,
            default=details.get("default"),
            description=details.get("description") if isinstance(details.get("description"), str) else None,
        )

    def expr(self, schema: Any, name: str, pointer: str) -> TypeExpr:
        """The type that a schema means; `name` is for an object that needs a model of its own."""
        if schema is True or schema == {}:
            return Scalar("any")
        if not isinstance(schema, dict):
            return self.problem(pointer, "a schema is an object")
        if self.depth == DEEPEST:
            return self.problem(pointer, f"schemas nest at most {DEEPEST} deep")
        if not self.only(_UNDERSTOOD, schema, pointer):
            return Scalar("any")
        self.depth += 1
        found = self.by_keyword(schema, name, pointer)
        self.depth -= 1
        return found

    def only(self, known: Set[str], schema: dict[str, Any], pointer: str) -> bool:
        """Whether a schema has no keyword but the known ones; others are reported."""
        foreign = [key for key in schema if key not in known and key not in _IGNORED]
        if foreign:
            self.problem(pointer, f"{listed(foreign)} cannot be translated")
        return not foreign

    def by_keyword(self, schema: dict[str, Any], name: str, pointer: str) -> TypeExpr:
        alone = next((key for key in _ALONE if key in schema), None)
        if alone is None:
            return self.by_type(schema, name, pointer)
        beside = [key for key in schema if key not in _IGNORED | _ALONE[alone] | {alone}]
        if beside:
            return self.problem(pointer, f"{listed(beside)} beside `{alone}` cannot be translated")
        value, inner = schema[alone], f"{pointer}/{alone}"
        match alone:
            case "$ref":
                return self.reference(value, inner)
            case "const":
                return self.literal([value], inner)
            case "enum":
                return self.literal(value, inner)
            case _:
                return self.either(value, name, inner)

    def by_type(self, schema: dict[str, Any], name: str, pointer: str) -> TypeExpr:
        kinds = schema.get("type")
        if isinstance(kinds, list) and kinds:
            return union(*(self.typed(kind, schema, name, pointer) for kind in kinds))
        if kinds is None:
            return self.problem(pointer, "`type` is missing")
        return self.typed(kinds, schema, name, pointer)

    def reference(self, target: Any, pointer: str) -> TypeExpr:
        if not isinstance(target, str) or target not in self.definitions:
            return self.problem(pointer, f"`{target}` is not one of this file's `$defs`")
        return Shared(self.definitions[target][0])

    def literal(self, values: Any, pointer: str) -> TypeExpr:
        if not isinstance(values, list) or not values:
            return self.problem(pointer, "a list of values is expected")
        plain = [value for value in values if isinstance(value, str | int)]
        if len(plain) + values.count(None) != len(values):
            return self.problem(pointer, "only strings, integers, booleans and null can be enumerated")
        expr: TypeExpr = LiteralType(tuple(plain)) if plain else NONE
        return union(expr, NONE) if None in values else expr

    def either(self, schemas: Any, name: str, pointer: str) -> TypeExpr:
        if not isinstance(schemas, list) or not schemas:
            return self.problem(pointer, "a list of schemas is expected")
        members = enumerate(schemas)
        return union(*(self.expr(item, f"{name}{index or ''}", f"{pointer}/{index}") for index, item in members))

    def typed(self, kind: Any, schema: dict[str, Any], name: str, pointer: str) -> TypeExpr:
        if kind == "object":
            return self.nested(schema, name, pointer)
        if kind == "array":
            return self.array(schema, name, pointer)
        if not isinstance(kind, str) or kind not in _TYPES:
            return self.problem(f"{pointer}/type", f"`{kind}` is not a type")
        # A format that is not known is an annotation.
        special = _FORMATS.get(str(schema.get("format"))) if kind == "string" else None
        return self.limited(Scalar(special or _TYPES[kind]), kind, schema, pointer)

    def array(self, schema: dict[str, Any], name: str, pointer: str) -> TypeExpr:
        item = self.expr(schema.get("items", True), f"{name}Item", f"{pointer}/items")
        if schema.get("uniqueItems", False) is False:
            return self.limited(Generic("list", item), "array", schema, pointer)
        enums = {name for name, shared in self.types.items() if isinstance(shared, Enum)}
        if not is_hashable(item, enums):
            return self.problem(f"{pointer}/uniqueItems", f"a set cannot hold `{item}`")
        return self.limited(Generic("set", item), "array", schema, pointer)

    def nested(self, schema: dict[str, Any], name: str, pointer: str) -> TypeExpr:
        properties = schema.get("properties")
        if isinstance(properties, dict):
            if name in self.types or name in {taken for taken, _ in self.definitions.values()}:
                return self.problem(pointer, f"another object is called `{name}` too")
            self.types[name] = Fields()  # the name is taken while the fields are read
            self.types[name] = self.object(schema, name, pointer)
            return Shared(name)
        further = schema.get("additionalProperties", True)
        item = self.expr(further, f"{name}Value", f"{pointer}/additionalProperties")
        return self.limited(Generic("dict", item), "object", schema, pointer)

    def limited(self, base: Scalar | Generic, kind: str, schema: dict[str, Any], pointer: str) -> TypeExpr:
        found: dict[ConstraintName, int | float | str] = {}
        for key, name in _LIMITS.get(kind, {}).items():
            # Every url of pydantic's comes with a length, which is its own and not the user's.
            if key not in schema or base == Scalar("url"):
                continue
            if name not in allowed(base):
                self.problem(f"{pointer}/{key}", f"`{base}` does not take it")
            elif reason := wrong(name, schema[key]):
                self.problem(f"{pointer}/{key}", reason)
            else:
                found[name] = schema[key]
        return Constrained(base, tuple(found.items())) if found else base
