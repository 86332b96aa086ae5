"""The catalogue of what can be wrong with generated files: GEN1xx. Codes keep their meaning for ever."""

from __future__ import annotations

from inspect import cleandoc

from pgconductor.config.codes import Code


def _code(code: str, title: str, explanation: str) -> tuple[str, Code]:
    return code, Code(code, title, cleandoc(explanation))


CODES: dict[str, Code] = dict(
    [
        _code(
            "GEN101",
            "a generated file was edited",
            """
            The digest in the file's header is not that of its text: somebody's work would be lost if it were written.
            What it says comes from conductor.toml: make the change there, delete the file and run `generate`.
            """,
        ),
        _code(
            "GEN102",
            "a file that is not generated is in the way",
            """
            Something of this name exists and carries no header of pgconductor. Move it, or choose another `package` or
            `sql_dir` in `[generate]`.
            """,
        ),
        _code(
            "GEN103",
            "a generated file would lie outside the project",
            """
            The path leads out of the folder of conductor.toml, by `..` or over a symbolic link. `generate` writes below
            that folder only.
            """,
        ),
        _code(
            "GEN104",
            "a generated file cannot be read",
            """
            A folder, a device or something that is no text has the name of a generated file, or its permissions do not
            let it be read. Move it, or change `[generate]`.
            """,
        ),
        _code(
            "GEN105",
            "a generated file cannot be written",
            """
            Its folder is read-only, or the disk is full. The plan is written last: what runs is still the old one.
            Mend it and run `generate` again, which goes on where it stopped.
            """,
        ),
    ]
)
