"""Text tables are aligned, whatever their cells."""

from nelloc.cli.table import aligned


def test_the_first_column_is_left_and_the_others_right():
    assert aligned([("name", "bytes"), ("a", "12345678")]) == ["name     bytes", "a     12345678"]


def test_columns_to_the_left_can_be_chosen_and_lines_end_without_spaces():
    assert aligned([("a", "x"), ("bc", "long")], left=(0, 1)) == ["a   x", "bc  long"]


def test_no_rows_are_no_lines():
    assert aligned([]) == []
