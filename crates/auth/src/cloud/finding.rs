//! What a look somewhere has found, where nothing is no error.

/// What was found, or why nothing was.
///
/// ```
/// use yandex_cloud_auth::cloud::Finding;
/// assert_eq!(Finding::Found("b1g".to_owned()).found(), Some("b1g"));
/// assert_eq!(Finding::Absent("not set".to_owned()).found(), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// This.
    Found(String),
    /// Nothing, for a reason in a few words.
    Absent(String),
}

impl Finding {
    /// What was found.
    #[must_use]
    pub fn found(&self) -> Option<&str> {
        match self {
            Self::Found(found) => Some(found),
            Self::Absent(_) => None,
        }
    }
}
