//! Which form of an answer is accepted.

use super::status::Status;

/// What the server says of forms it does not know.
pub(crate) const ONLY: &str = "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf";

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The objects themselves.
    Json,
    /// Rows and cells, with the version of the Table asked for.
    Table(&'static str),
    /// One object's metadata.
    Metadata,
    /// The metadata of the objects of a list.
    MetadataList,
    /// Groups, versions and resources in one document.
    AggregatedDiscovery,
}

/// The media types of an `Accept` header, in order.
#[derive(Clone, Debug)]
pub(crate) struct Accept(Vec<MediaType>);

#[derive(Clone, Debug, Default)]
struct MediaType {
    essence: String,
    form: String,
    version: String,
    group: String,
}

impl Accept {
    pub(crate) fn parse(header: Option<&str>) -> Self {
        let header = header.filter(|text| !text.trim().is_empty());
        Self(
            header
                .unwrap_or("*/*")
                .split(',')
                .map(MediaType::parse)
                .collect(),
        )
    }

    /// The first acceptable form.
    pub(crate) fn form(&self) -> Result<Form, Status> {
        if let Some(form) = self.0.iter().find_map(MediaType::as_form) {
            return Ok(form);
        }
        // Known types in unknown forms are refused by the API, unknown types by what is below it.
        let speaks_json = self.0.iter().any(MediaType::is_json);
        Err(if speaks_json || self.accepts_other_encodings() {
            Status::not_acceptable(ONLY.to_owned())
        } else {
            Status::no_representation()
        })
    }

    /// Whether plain text alone is asked for, which no resource offers.
    pub(crate) fn takes_logs(&self) -> bool {
        self.0.iter().any(MediaType::is_json)
    }

    fn accepts_other_encodings(&self) -> bool {
        self.0.iter().any(|media| {
            matches!(
                media.essence.as_str(),
                "application/yaml" | "application/vnd.kubernetes.protobuf"
            )
        })
    }
}

impl MediaType {
    fn parse(text: &str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let mut media = Self {
            essence: parts.next().unwrap_or_default().to_lowercase(),
            ..Self::default()
        };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name {
                "as" => value.clone_into(&mut media.form),
                "v" => value.clone_into(&mut media.version),
                "g" => value.clone_into(&mut media.group),
                _ => {}
            }
        }
        media
    }

    fn is_json(&self) -> bool {
        matches!(
            self.essence.as_str(),
            "application/json" | "application/*" | "*/*"
        )
    }

    fn as_form(&self) -> Option<Form> {
        if !self.is_json() {
            return None;
        }
        match (
            self.form.as_str(),
            self.version.as_str(),
            self.group.as_str(),
        ) {
            ("", _, _) => Some(Form::Json),
            ("Table", "v1", "meta.k8s.io") => Some(Form::Table("meta.k8s.io/v1")),
            ("Table", "v1beta1", "meta.k8s.io") => Some(Form::Table("meta.k8s.io/v1beta1")),
            ("PartialObjectMetadata", "v1", "meta.k8s.io") => Some(Form::Metadata),
            ("PartialObjectMetadataList", "v1", "meta.k8s.io") => Some(Form::MetadataList),
            ("APIGroupDiscoveryList", "v2", "apidiscovery.k8s.io") => {
                Some(Form::AggregatedDiscovery)
            }
            _ => None,
        }
    }
}
