use super::*;
use tract_onnx::pb::{NodeProto, TensorShapeProto, TypeProto, tensor_shape_proto::Dimension};

/// An input; a negative size stands for one that is not fixed.
fn input(name: &str, element: i32, sizes: &[i64]) -> ValueInfoProto {
    let dim = |&size: &i64| {
        let value = if size < 0 { DimParam("n".to_owned()) } else { DimValue(size) };
        Dimension { value: Some(value), ..Default::default() }
    };
    let shape = Some(TensorShapeProto { dim: sizes.iter().map(dim).collect() });
    let tensor = type_proto::Tensor { elem_type: element, shape };
    let r#type = Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() });
    ValueInfoProto { name: name.to_owned(), r#type, ..Default::default() }
}

fn model(input: Vec<ValueInfoProto>) -> ModelProto {
    ModelProto { graph: Some(GraphProto { input, ..Default::default() }), ..Default::default() }
}

fn recognised(input: Vec<ValueInfoProto>) -> Result<(Vec<Role>, bool), String> {
    inputs(&model(input)).map(|found| (found.roles.to_vec(), found.batched)).map_err(|error| error.to_string())
}

#[test]
fn the_forms_of_input_are_recognised_in_any_order() {
    assert_eq!(recognised(vec![input("x", INT64, &[-1])]), Ok((vec![Role::Ids], false)));
    assert_eq!(recognised(vec![input("x", INT64, &[1, -1])]), Ok((vec![Role::Ids], true)));
    let trio = [("attention_mask", Role::Mask), ("input_ids", Role::Ids), ("token_type_ids", Role::Segments)];
    let inputs = trio.iter().map(|(name, _)| input(name, INT64, &[-1, -1])).collect();
    assert_eq!(recognised(inputs), Ok((trio.iter().map(|&(_, role)| role).collect(), true)));
}

#[test]
fn another_form_is_refused_with_what_was_found_and_what_is_needed() {
    for (inputs, found) in [
        (vec![], "no input;"),
        (vec![input("x", 1, &[-1])], "`x` float32 [?];"),
        (vec![input("x", INT64, &[128])], "`x` int64 [128];"),
        (vec![input("x", INT64, &[2, -1])], "`x` int64 [2, ?];"),
        (vec![input("x", INT64, &[-1, 4, -1])], "`x` int64 [?, 4, ?];"),
        (vec![input("x", 99, &[-1])], "`x` of another type [?];"),
        (vec![input("input_ids", 6, &[-1, -1])], "`input_ids` int32 [?, ?];"),
        (
            vec![input("input_ids", INT64, &[-1, -1]), input("position_ids", INT64, &[-1, -1])],
            "`input_ids` int64 [?, ?], `position_ids` int64 [?, ?];",
        ),
        (vec![input("attention_mask", INT64, &[-1]), input("input_ids", INT64, &[-1])], "`attention_mask` int64 [?],"),
        (vec![ValueInfoProto { name: "x".to_owned(), ..Default::default() }], "`x` of no tensor type or shape;"),
    ] {
        let told = recognised(inputs).expect_err("refused");
        assert!(told.starts_with(&format!("the graph asks for {found}")), "{told}");
        assert!(told.contains("needed: one int64 [N]"), "{told}");
    }
}

#[test]
fn unknown_operators_are_all_named_wherever_they_are() {
    let node =
        |op: &str, domain: &str| NodeProto { op_type: op.to_owned(), domain: domain.to_owned(), ..Default::default() };
    let mut outer = model(vec![]);
    let inner = GraphProto { node: vec![node("Mystery", "")], ..Default::default() };
    let attribute = tract_onnx::pb::AttributeProto { g: Some(inner), ..Default::default() };
    let holder = NodeProto { attribute: vec![attribute], ..node("Known", "") };
    outer.graph.as_mut().expect("a graph").node = vec![node("Fused", "com.example"), holder];
    let told = check_operators(&outer, |name| name == "Known").expect_err("refused").to_string();
    assert!(told.contains("does not know: Fused (com.example), Mystery (ai.onnx);"), "{told}");
    assert!(check_operators(&outer, |_| true).is_ok());
}

#[test]
fn a_missing_output_is_refused_with_those_that_there_are() {
    let mut graph = model(vec![]);
    graph.graph.as_mut().expect("a graph").output = vec![input("logits", 1, &[1, 2])];
    assert!(check_output(&graph, "logits").is_ok());
    let told = check_output(&graph, "scores").expect_err("refused").to_string();
    assert_eq!(told, "the graph has no output `scores`, which the manifest names; it has `logits`");
}
