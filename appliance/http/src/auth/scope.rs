//! What the bearer of a credential may do.

/// One thing a credential may be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Ask the models.
    Inference,
    /// Ask them before everybody else, as incident work does.
    Incident,
    /// Look at incidents.
    Read,
    /// Send notifications.
    Receive,
    /// Everything, changes among it.
    Admin,
}

impl Scope {
    const ALL: [(Self, &str); 5] = [
        (Self::Inference, "inference"),
        (Self::Incident, "incident"),
        (Self::Read, "read"),
        (Self::Receive, "receive"),
        (Self::Admin, "admin"),
    ];

    /// The scope's name in the credentials file.
    pub fn as_str(self) -> &'static str {
        let found = Self::ALL.into_iter().find(|(scope, _)| *scope == self);
        found.map_or("admin", |(_, name)| name)
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Several scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// All of them.
    pub const ALL: Self = Self(u8::MAX);

    /// Reads names between commas; none if one is unknown or there are none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut scopes = Self(0);
        for name in text.split(',').map(str::trim) {
            let (scope, _) = Scope::ALL.into_iter().find(|(_, known)| *known == name)?;
            scopes.0 |= scope.bit();
        }
        Some(scopes)
    }

    /// Whether they allow what is for `scope`; the one for everything does.
    pub fn allow(self, scope: Scope) -> bool {
        self.0 & (scope.bit() | Scope::Admin.bit()) != 0
    }
}
