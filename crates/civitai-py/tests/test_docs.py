"""The examples of the README and of the stubs run, without network, and say what they are said to."""

import ast
import doctest
import re
from pathlib import Path

import civitai_rs
import pytest

PACKAGE = Path(civitai_rs.__file__).parent
README = Path(__file__).parent.parent / "README.md"


def examples() -> list[doctest.DocTest]:
    parser = doctest.DocTestParser()
    found: list[doctest.DocTest] = []
    for source in [*sorted(PACKAGE.glob("*.pyi")), PACKAGE / "__init__.py"]:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node) or ""
                name = f"{source.name}:{getattr(node, 'name', 'module')}"
                found.append(parser.get_doctest(text, dict(vars(civitai_rs)), name, str(source), 0))
    return [test for test in found if test.examples]


@pytest.mark.parametrize("example", examples(), ids=lambda test: test.name)
def test_an_example_of_the_stubs_says_what_it_is_said_to(example: doctest.DocTest) -> None:
    assert doctest.DocTestRunner().run(example).failed == 0


@pytest.mark.parametrize("example", re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL))
def test_an_example_of_the_readme_runs(example: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(example, "README.md", "exec"), {})
    assert capsys.readouterr().out
