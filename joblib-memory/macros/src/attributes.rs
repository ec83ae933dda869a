//! Which attributes of an item count as its code, and which also belong on what is generated.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Meta};

/// Attributes that say how to compile, lint or document an item, not what it does.
const NEUTRAL: [&str; 14] = [
    "allow",
    "cfg",
    "cold",
    "deny",
    "deprecated",
    "doc",
    "expect",
    "forbid",
    "inline",
    "must_use",
    "rustfmt",
    "track_caller",
    "warn",
    "clippy",
];

const LINT_LEVELS: [&str; 5] = ["allow", "deny", "expect", "forbid", "warn"];

/// The attributes that count as code, as tokens.
pub(crate) fn code(attributes: &[Attribute]) -> TokenStream {
    attributes.iter().filter(|a| !is_one_of(a, &NEUTRAL)).map(ToTokens::to_token_stream).collect()
}

/// The conditions under which an item exists: what is generated exists under the same.
pub(crate) fn conditions(attributes: &[Attribute]) -> Vec<&Attribute> {
    attributes.iter().filter(|a| a.path().is_ident("cfg")).collect()
}

/// The lint levels, for the copy of the function that holds its body.
pub(crate) fn lint_levels(attributes: &[Attribute]) -> Vec<&Attribute> {
    attributes.iter().filter(|a| is_one_of(a, &LINT_LEVELS)).collect()
}

/// The attributes for the function that only passes its arguments on. An expected lint may fire
/// in the body alone, so here it is allowed and not expected.
pub(crate) fn for_wrapper(attributes: &[Attribute]) -> Vec<TokenStream> {
    attributes
        .iter()
        .map(|attribute| match &attribute.meta {
            Meta::List(list) if list.path.is_ident("expect") => {
                let lints = &list.tokens;
                quote!(#[allow(#lints)])
            }
            _ => attribute.to_token_stream(),
        })
        .collect()
}

fn is_one_of(attribute: &Attribute, names: &[&str]) -> bool {
    // `rustfmt::skip` and `clippy::…` are known by their first segment.
    attribute.path().segments.first().is_some_and(|s| names.iter().any(|name| s.ident == name))
}
