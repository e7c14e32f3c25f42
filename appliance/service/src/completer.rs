//! The engine as the core's [`Completer`] port.

use appliance_core::ports::{
    Completer, Completion, CompletionError, CompletionRequest, Message, ModelProfile, PortFuture,
    Role, TokenCounter,
};
use inference_core::slot::EngineSlot;
use inference_core::{
    ChatMessage, ChatOptions, Constraint, EngineError, FinishReason, GenerateRequest, Generation,
    Priority, Role as ChatRole, SamplingParams,
};

/// The loaded model as the one that words analyses: greedily, before all
/// other work. Without a loaded model the card stands as it is.
#[derive(Debug)]
pub struct ModelCompleter {
    slot: EngineSlot,
    aliases: bool,
}

impl ModelCompleter {
    /// Words with whatever is in `slot`; `aliases` says whether that model was
    /// trained on aliased names.
    pub fn new(slot: EngineSlot, aliases: bool) -> Self {
        Self { slot, aliases }
    }

    /// Compiles the grammar, which takes milliseconds: not for an async thread.
    pub(crate) fn submit(
        slot: &EngineSlot,
        request: CompletionRequest,
    ) -> Result<Generation, EngineError> {
        let engine = slot.engine()?;
        let messages: Vec<ChatMessage> = request.messages.into_iter().map(chat_message).collect();
        engine.submit(GenerateRequest {
            prompt: engine.chat_prompt(&messages, &ChatOptions::default())?,
            sampling: SamplingParams::greedy(request.max_tokens),
            constraint: Some(Constraint::Lark(request.grammar)),
            priority: Priority::Incident,
            ..GenerateRequest::default()
        })
    }
}

fn chat_message(message: Message) -> ChatMessage {
    let role = match message.role {
        Role::System => ChatRole::System,
        Role::User => ChatRole::User,
    };
    ChatMessage::new(role, message.text)
}

fn completion_error(error: EngineError) -> CompletionError {
    match error {
        EngineError::TooLong {
            prompt_tokens,
            context_length,
            ..
        } => CompletionError::TooLong {
            tokens: prompt_tokens,
            window: context_length,
        },
        EngineError::NoModel | EngineError::Loading => CompletionError::NoModel,
        other => CompletionError::Engine(other.to_string()),
    }
}

impl TokenCounter for ModelCompleter {
    fn count(&self, text: &str) -> usize {
        // Without a model nothing is prompted; a byte a token is the safe side.
        self.slot
            .engine()
            .map_or(text.len(), |engine| engine.count(text))
    }
}

impl Completer for ModelCompleter {
    fn profile(&self) -> Option<ModelProfile> {
        let engine = self.slot.engine().ok()?;
        let info = engine.model();
        Some(ModelProfile {
            name: info.name.clone(),
            context_tokens: info.context_length,
            aliases: self.aliases,
        })
    }

    fn complete<'a>(
        &'a self,
        request: CompletionRequest,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> PortFuture<'a, Result<Completion, CompletionError>> {
        Box::pin(async move {
            let slot = self.slot.clone();
            let generation = tokio::task::spawn_blocking(move || Self::submit(&slot, request))
                .await
                .map_err(|error| CompletionError::Engine(error.to_string()))?
                .map_err(completion_error)?;
            let (text, outcome) = generation
                .collect(on_text)
                .await
                .map_err(completion_error)?;
            Ok(Completion {
                text,
                finished: outcome.finish_reason == FinishReason::Stop,
                prefill_tokens: outcome.usage.prompt_tokens as u64,
                decode_tokens: outcome.usage.completion_tokens as u64,
            })
        })
    }
}
