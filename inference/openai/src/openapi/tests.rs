//! The document says what the router does, and the page in docs says what the document does.

use super::*;

#[test]
fn every_field_stands_in_the_page_for_people() {
    let page = include_str!("../../../../docs/openai.md");
    for address in ADDRESSES {
        assert!(
            page.contains(address.path.trim_end_matches("/{name}")),
            "{}",
            address.path
        );
        for (name, _, _) in address.fields.iter().copied().flatten() {
            assert!(
                page.contains(&format!("`{name}`")),
                "`{name}` of {}",
                address.path
            );
        }
    }
}

#[test]
fn the_document_has_every_address_and_its_fields() {
    let document = build();
    assert_eq!(
        document["paths"].as_object().map(Map::len),
        Some(ADDRESSES.len())
    );
    let chat = &document["paths"]["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"]
        ["schema"]["properties"];
    assert_eq!(chat["tools"]["type"], "array");
}
