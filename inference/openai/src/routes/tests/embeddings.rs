//! Texts as vectors.

use super::*;

#[tokio::test]
async fn texts_become_vectors_in_either_encoding() {
    let embed = |more: Value| async move {
        let mut body = json!({"model": "letters", "input": ["aab", "b"]});
        for (key, value) in more.as_object().expect("is an object") {
            body[key] = value.clone();
        }
        call(slot(), "POST", "/v1/embeddings", body.to_string()).await
    };
    let floats = embed(json!({"dimensions": 2})).await.json();
    assert_eq!(floats["data"][0]["embedding"], json!([2.0, 1.0]));
    assert_eq!(
        (
            &floats["data"][1]["index"],
            &floats["usage"]["total_tokens"]
        ),
        (&json!(1), &json!(2))
    );
    let packed = embed(json!({"encoding_format": "base64"})).await.json();
    assert_eq!(packed["data"][1]["embedding"], "AAAAAAAAgD8=");
    let wrong = "invalid_request_error";
    check_error(
        &embed(json!({"dimensions": 1})).await,
        400,
        wrong,
        Some("unsupported_parameter"),
        "must be 2",
    );
    check_error(
        &embed(json!({"input": []})).await,
        400,
        wrong,
        Some("invalid_value"),
        "1 to 2048",
    );
    check_error(
        &embed(json!({"model": "tiny"})).await,
        404,
        wrong,
        Some("model_not_found"),
        "`letters`",
    );
    let ollama = call(
        slot(),
        "POST",
        "/api/embed",
        json!({"model": "letters:latest", "input": "abb"}).to_string(),
    )
    .await;
    assert_eq!(ollama.json()["embeddings"], json!([[1.0, 2.0]]));
    let first = json!({"model": "letters", "prompt": "abb"}).to_string();
    let first = call(slot(), "POST", "/api/embeddings", first).await;
    assert_eq!(first.json(), json!({"embedding": [1.0, 2.0]}));
}
