//! Bodies of requests, at every address that takes one, up to the engine's queue.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use inference_constrain::ConstraintCompiler;
use inference_core::engine::EventSource;
use inference_core::slot::EngineSlot;
use inference_core::{
    ChatMessage, ChatOptions, ChatTraits, Constraint, Engine, EngineError, Event, FinishReason,
    GenerateRequest, Generation, ModelInfo, Outcome, Prompt, TokenId, Usage,
};
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::Target;
use crate::grammar::compiler;

/// A letter that picks the address, then the body.
pub(crate) const BODY: Target = Target {
    name: "body",
    run: |data| {
        let Some((address, body)) = data.split_first() else {
            return;
        };
        let path = PATHS[usize::from(address.wrapping_sub(b'a')) % PATHS.len()];
        RUNTIME.with_borrow(|runtime| runtime.block_on(ask(path, body.to_vec())));
    },
    samples: || {
        SAMPLES
            .iter()
            .map(|sample| sample.as_bytes().to_vec())
            .collect()
    },
    words: &[
        "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{\"type\":\"object\"}}},",
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{}}}],",
        "\"tool_choice\":\"required\",",
        "\"stream\":true,",
        "\"n\":16,",
        "\"logprobs\":true,",
        "\"stop\":[\"x\"],",
        "\"thinking_token_budget\":0,",
        "\"guided_regex\":\"(\",",
        "\"logit_bias\":{\"5\":100},",
        "\"echo\":true,",
        "[[[[[[[[",
        "{\"type\":\"text\",\"text\":\"x\"}",
        "-1",
        "1e999",
        "\\ud800",
    ],
};

const PATHS: [&str; 9] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/api/chat",
    "/api/generate",
    "/tokenize",
    "/detokenize",
    "/v1/embeddings",
    "/api/show",
];

const SAMPLES: [&str; 9] = [
    r#"a{"messages":[{"role":"system","content":"be brief"},{"role":"user","content":[{"type":"text","text":"hi"}]}],"temperature":0.5,"max_tokens":5,"seed":1}"#,
    r#"a{"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"y"}],"tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object","properties":{"a":{"type":"string"}}}}}],"tool_choice":"auto","stream":true}"#,
    r#"a{"messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}}}}"#,
    r#"b{"prompt":["a","b"],"max_tokens":3,"echo":true,"logprobs":2,"n":2,"stream":true,"stream_options":{"include_usage":true}}"#,
    r#"c{"input":[{"role":"user","content":"x"},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"y"}],"text":{"format":{"type":"text"}},"reasoning":{"effort":"low"},"stream":true}"#,
    r#"d{"model":"fuzz","messages":[{"role":"user","content":"x"}],"format":{"type":"object"},"options":{"temperature":0,"num_predict":4,"stop":["a"]},"think":true,"stream":false}"#,
    r#"e{"prompt":"x","system":"y","raw":false,"options":{"seed":3}}"#,
    r#"f{"messages":[{"role":"user","content":"x"}],"add_special_tokens":true}"#,
    r#"g{"tokens":[1,2,300]}"#,
];

thread_local! {
    static RUNTIME: RefCell<Runtime> = RefCell::new(
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made"),
    );
}

static ROUTER: LazyLock<Router> = LazyLock::new(|| {
    let engine = EngineSlot::ready(Arc::new(Silent::default()));
    inference_openai::router(Arc::new(engine))
});

/// Whatever is asked, the answer is one, or an error that says something; never a failure of ours.
async fn ask(path: &str, body: Vec<u8>) {
    let request = Request::post(path)
        .body(Body::from(body))
        .expect("an address and a body are a request");
    let Ok(response) = ROUTER.clone().oneshot(request).await;
    let status = response.status();
    assert!(!status.is_server_error(), "{path}: {status}");
    let body = response.into_body().collect().await;
    let body = body.expect("the body is in memory").to_bytes();
    if status != StatusCode::OK {
        let error: serde_json::Value = serde_json::from_slice(&body).expect("errors are JSON");
        assert!(!error["error"].is_null(), "{path}: {error}");
    }
}

/// An engine that judges requests and has nothing to say.
struct Silent {
    info: ModelInfo,
    compiler: ConstraintCompiler,
}

impl Default for Silent {
    fn default() -> Self {
        Self {
            info: ModelInfo {
                name: "fuzz".to_owned(),
                architecture: "none".to_owned(),
                context_length: 4096,
                vocab_size: 257,
                parameters: 0,
                chat: ChatTraits {
                    reasoning: Some(("<think>".to_owned(), "</think>".to_owned())),
                    ..ChatTraits::default()
                },
            },
            compiler: compiler(),
        }
    }
}

impl Engine for Silent {
    fn model(&self) -> &ModelInfo {
        &self.info
    }

    fn chat_prompt(&self, _: &[ChatMessage], _: &ChatOptions) -> Result<Prompt, EngineError> {
        Ok(Prompt::tokens(vec![1]))
    }

    fn tokenize(&self, _: &Prompt) -> Vec<TokenId> {
        vec![1]
    }

    fn token_bytes(&self, _: TokenId) -> &[u8] {
        b"x"
    }

    fn control_token(&self, _: &str) -> Option<TokenId> {
        None
    }

    fn check_constraint(&self, constraint: &Constraint) -> Result<(), EngineError> {
        self.compiler.compile(constraint).map(drop)
    }

    fn count(&self, text: &str) -> usize {
        text.len()
    }

    fn submit(&self, request: GenerateRequest) -> Result<Generation, EngineError> {
        request.validate(self.info.vocab_size)?;
        if let Some(constraint) = &request.constraint {
            self.check_constraint(constraint)?;
        }
        let outcome = Outcome {
            finish_reason: FinishReason::Stop,
            usage: Usage::default(),
        };
        Ok(Generation::new(1, Last(Some(Event::Done(outcome)))))
    }
}

/// One event, the last.
struct Last(Option<Event>);

impl EventSource for Last {
    fn poll_event(&mut self, _: &mut Context<'_>) -> Poll<Option<Event>> {
        Poll::Ready(self.0.take())
    }
}
