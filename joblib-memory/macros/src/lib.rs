//! The attributes of [`joblib-memory`](https://docs.rs/joblib-memory): use them through that crate
//! or through `joblib`, which re-export them.
//!
//! ```ignore
//! use joblib_memory::{Memory, cache};
//! use std::sync::LazyLock;
//!
//! static MEMORY: LazyLock<Memory> = LazyLock::new(|| Memory::new("cache"));
//!
//! #[cache(MEMORY)]
//! fn square(x: f64) -> f64 {
//!     x * x
//! }
//! ```
//!
//! # Scope
//!
//! Only the expansion lives here; what it calls is in `joblib_memory::__private`. Each attribute
//! exists twice, because an expansion has to name the crate its caller depends on: `cache` and
//! `code` for those who depend on `joblib-memory`, `cache_for_facade` and `code_for_facade` for
//! those who depend on `joblib` alone.

#![forbid(unsafe_code)]

mod attributes;
mod cache;
mod code;
mod methods;
mod options;
mod signature;
mod tokens;

use proc_macro::TokenStream;
use quote::quote;
use syn::parse_macro_input;

/// Remembers the results of a function on disk, by its arguments and its code.
///
/// `#[cache(MEMORY)]` names the `Memory` to use: any expression that `&` turns into a `&Memory`,
/// usually a `static` of type `LazyLock<Memory>`. After it may come
///
/// - `ignore(a, b)`: arguments that do not change the result (`verbose`, a logger). They need
///   not be serialisable and do not count;
/// - `depends(f, module::g)`: functions whose code counts as this function's own. Each carries
///   `#[cache]` or [`#[code]`](macro@code). `digest(..)` in the list is an expression of type
///   `Digest` instead, such as `digest(Digest::of(include_bytes!("kernel.cu")))`;
/// - `hash(x = path)`: a function from `&X` to what counts of the argument `x`;
/// - `compress = ..`, `mmap_mode = ..`, `verbose = ..`, `expires_after = ..`, `validate = ..`: what
///   the methods of `MemoryBuilder` of these names say for all functions, for this one;
/// - `cache_errors`: an `Err` or a `None` is a result like any other.
///
/// The function keeps its signature. Beside it appears a type of the same name, which `use`
/// brings along, with
///
/// - `f::is_cached(..)`: whether the result is stored;
/// - `f::explain(..)`: why it is, or why it is not;
/// - `f::shelve(..)`: a reference to the stored result, computed if needed, instead of the result;
/// - `f::recompute(..)`: computes whatever is stored, and stores the new result;
/// - `f::entries()`, `f::clear()`, `f::clear_stale()`: what is stored of the function, and
///   forgetting all of it, or what its older code has left;
/// - `f::CODE`: the digest of the code.
///
/// On an `impl` block, `#[cache(MEMORY)]` is for the methods in it that are marked `#[cache]`, or
/// `#[cache(..)]` with options of their own. `self` is an argument like any other, called `self`.
/// The functions above are methods beside it: `model.fit_is_cached(..)`, `Model::fit_clear()`,
/// `Model::FIT_CODE`.
///
/// Arguments that count need `serde::Serialize`, results `Serialize` and `DeserializeOwned`. Of a
/// function that returns `Result<T, E>` or `Option<T>` only the `T` is stored; the return type
/// has to be written as `Result<..>` or `Option<..>` for that. An `async` function never waits for another
/// computation of the same call.
///
/// The code is the signature and the body as tokens: comments, documentation, white space and
/// trailing commas do not count, nor do visibility and lint attributes. What the body calls does
/// not count unless it is listed in `depends`. Types that the function is generic over count by
/// their names.
///
/// The results lie under the path of the function. Moving it to another module or renaming it
/// loses them; moving it within its module does not.
#[proc_macro_attribute]
pub fn cache(options: TokenStream, item: TokenStream) -> TokenStream {
    expand_cache(options, item, quote!(::joblib_memory))
}

/// [`macro@cache`] for those who depend on `joblib` alone.
#[proc_macro_attribute]
pub fn cache_for_facade(options: TokenStream, item: TokenStream) -> TokenStream {
    expand_cache(options, item, quote!(::joblib::memory))
}

/// Gives a function or constant a digest of its code, for `depends` of [`macro@cache`].
///
/// `#[code]` leaves the item as it is and puts a type of the same name beside it, whose constant
/// `CODE` is the digest. `#[code(depends(g))]` includes the code of `g`.
#[proc_macro_attribute]
pub fn code(options: TokenStream, item: TokenStream) -> TokenStream {
    expand_code(options, item, quote!(::joblib_memory))
}

/// [`macro@code`] for those who depend on `joblib` alone.
#[proc_macro_attribute]
pub fn code_for_facade(options: TokenStream, item: TokenStream) -> TokenStream {
    expand_code(options, item, quote!(::joblib::memory))
}

fn expand_cache(
    options: TokenStream,
    item: TokenStream,
    krate: proc_macro2::TokenStream,
) -> TokenStream {
    let options = parse_macro_input!(options as options::CacheOptions);
    let item = parse_macro_input!(item as cache::CachedItem);
    let expanded = match item {
        cache::CachedItem::Function(function) => cache::expand(&options, &function, &krate),
        cache::CachedItem::Methods(block) => methods::expand(&options, &block, &krate),
    };
    expanded.unwrap_or_else(|error| error.to_compile_error()).into()
}

fn expand_code(
    options: TokenStream,
    item: TokenStream,
    krate: proc_macro2::TokenStream,
) -> TokenStream {
    let options = parse_macro_input!(options as options::CodeOptions);
    let item = parse_macro_input!(item as syn::Item);
    code::expand(&options, &item, &krate).unwrap_or_else(|error| error.to_compile_error()).into()
}
