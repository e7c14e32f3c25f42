"""What an engineer says beside the cause, in several ways; the last of each
list is never trained on.

No digits: figures stand in the evidence that a sentence cites, and the
grammar allows none. The cause itself is stated by the program. The grammar
knows the words used here and no others (`appliance/core/src/prompt/words.rs`).
"""

CHANGED = [
    "It began after a change to {c} {e}.", "{c} was changed before the onset {e}.", "A change to {c} came first {e}.",
    "The onset follows a change to {c} {e}.",
]
RULED_OUT = [
    "What else was considered does not fit the evidence {e}.", "A look-alike was ruled out {e}.", "The evidence speaks against the other candidate {e}.",
]
MISSING = [
    "Some evidence could not be captured.", "Part of the evidence is missing.", "Not everything could be seen.",
]
SURE = {
    "high": ["The cluster itself states this.", "The evidence leaves little doubt.", "There is no sign of another cause."],
    "medium": ["One more check would settle it.", "This is likely, not certain.", "Confirm it with the next check."],
    "low": ["Take this as a hint only.", "The evidence is thin.", "Look further before acting."],
}
SYMPTOMS = [
    "The other symptoms follow from it.", "What the alert shows is a consequence.", "The rest is a consequence of this.",
]
NO_CAUSE_THEN = [
    "Look further with the next check.", "The next check would tell more.", "More evidence is needed before anything is changed.",
]
