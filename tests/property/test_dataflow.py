"""Data flow of any text and of generated programs: never a crash, sound edges, names and comments without influence."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bench.networks.graph_inputs import GraphInputs, one_line
from bench.networks.vocabularies import train_tokenizer
from bench.syntax.cscope import identifiers, local_names
from bench.syntax.csource import leaves, parse
from bench.syntax.dataflow import data_flow
from bench.tasks import embedded

POOL = [sample.code for sample in embedded.generate(40, 5, prefix="x")]
PROGRAMS = st.sampled_from(POOL)
MARKS = "{}();=&*[],?:\"'\\\n"
WORDS = ("if(a)", "while(a)", "for(;;)", "do", "switch(a)", "case 1:", "default:", "a", "b", "++", "int", "f", "x->")
OTHERS = ("/*", "*/", "//", "\n#if", "\n#endif", "return", "break;", "continue;", "goto l;", "l:")
PIECES = st.sampled_from((*MARKS, *WORDS, *OTHERS))
INPUTS = GraphInputs(train_tokenizer("word", 400, POOL), 48)


def shape(code: str) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    return [(one.name, one.comes_from, one.computed_from) for one in data_flow(parse(code))]


@settings(max_examples=60)
@given(st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=40).map(" ".join)))
def test_any_text_has_some_flow_and_some_input(text):
    flow = data_flow(parse(text))
    for place, one in enumerate(flow):
        assert all(0 <= source < len(flow) and source != place for source in one.sources)
        assert parse(text).text[one.leaf.start : one.leaf.end] == one.name
    (encoded,) = INPUTS.encode([text])
    assert len(encoded["input_ids"]) == len(encoded["position_ids"]) <= INPUTS.max_tokens
    assert INPUTS.collate([encoded])["attention_mask"].any(dim=2).all()
    assert 0 <= INPUTS.visible(text) <= len(text)


@given(PROGRAMS)
def test_values_come_from_before_or_from_a_loop_around(code):
    source = parse(code)
    flow = data_flow(source)
    assert flow
    for place, one in enumerate(flow):
        for origin in one.comes_from:
            assert flow[origin].name == one.name
            if origin > place:
                around = {id(node) for node in flow[origin].leaf.ancestors()}
                loops = {"for_statement", "while_statement", "do_statement"}
                assert any(node.kind in loops and id(node) in around for node in one.leaf.ancestors())


@given(PROGRAMS, st.data())
def test_renaming_a_variable_changes_nothing_but_its_name(code, data):
    source = parse(code)
    names = local_names(source)
    assume(names)
    chosen = data.draw(st.sampled_from(names))
    assert "renamed" not in identifiers(source)
    edited = code
    for leaf in reversed(chosen.occurrences):
        edited = edited[: leaf.start] + "renamed" + edited[leaf.end :]
    kept = [name for name in names if name.text == chosen.text]
    assume(len(kept) == 1)  # the same spelling in another function is not renamed
    wanted = [(("renamed" if name == chosen.text else name), *edges) for name, *edges in shape(code)]
    assert shape(edited) == wanted


@given(PROGRAMS, st.data())
def test_comments_change_no_edge(code, data):
    places = [leaf.end for leaf in leaves(parse(code)) if not leaf.kind.startswith("preproc")]
    place = data.draw(st.sampled_from(places))
    edited = code[:place] + " /* a = b; */ " + code[place:]
    assume(one_line(parse(edited)).text == one_line(parse(code)).text)
    assert shape(edited) == shape(code)
