//! An engine that takes every request and writes forever, slowly.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use inference_core::engine::EventSource;
use inference_core::{
    ChatMessage, ChatOptions, ChatTraits, Constraint, Engine, EngineError, Event, GenerateRequest,
    Generation, ModelInfo, Prompt, TokenId,
};
use tokio::time::{Sleep, sleep};

/// Between two words.
const PAUSE: Duration = Duration::from_millis(1);

/// How many answers are being written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running(Arc<AtomicUsize>);

impl Running {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

#[derive(Debug)]
pub(crate) struct Endless {
    pub(crate) running: Running,
    info: ModelInfo,
}

impl Default for Endless {
    fn default() -> Self {
        Self {
            running: Running::default(),
            info: ModelInfo {
                name: "endless".to_owned(),
                architecture: "none".to_owned(),
                context_length: 4096,
                vocab_size: 256,
                parameters: 0,
                chat: ChatTraits::default(),
            },
        }
    }
}

impl Engine for Endless {
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
        b"word "
    }

    fn control_token(&self, _: &str) -> Option<TokenId> {
        None
    }

    fn check_constraint(&self, _: &Constraint) -> Result<(), EngineError> {
        Ok(())
    }

    fn count(&self, text: &str) -> usize {
        text.len()
    }

    fn submit(&self, _: GenerateRequest) -> Result<Generation, EngineError> {
        self.running.0.fetch_add(1, Ordering::SeqCst);
        let words = Words {
            running: self.running.clone(),
            pause: None,
        };
        Ok(Generation::new(1, words))
    }
}

/// Words without end; dropping them is noticed.
struct Words {
    running: Running,
    /// Made on the first poll, which is on the runtime.
    pause: Option<Pin<Box<Sleep>>>,
}

impl EventSource for Words {
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(PAUSE)));
        if pause.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.pause = None;
        Poll::Ready(Some(Event::Text {
            text: "word ".to_owned(),
            tokens: vec![1],
            logprobs: Vec::new(),
        }))
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        self.running.0.fetch_sub(1, Ordering::SeqCst);
    }
}
