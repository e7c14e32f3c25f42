//! The layers decoders are made of.

pub(crate) mod attention;
pub(crate) mod norm;
pub(crate) mod rope;

pub(crate) use self::attention::{Attention, KvLayer};
pub(crate) use self::norm::RmsNorm;
pub(crate) use self::rope::Rope;
