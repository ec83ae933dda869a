//! What may stand in the parentheses of the attributes.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, Path, Result, Token, parenthesized};

const KNOWN: &str = "`ignore(..)`, `depends(..)`, `hash(..)`, `compress = ..`, `mmap_mode = ..`, \
                     `verbose = ..`, `expires_after = ..`, `validate = ..` and `cache_errors`";

/// Options that a memory has as well, as methods of the same names.
const SETTERS: [&str; 5] = ["compress", "mmap_mode", "verbose", "expires_after", "validate"];

/// `#[cache(MEMORY, ignore(a, b), depends(f), verbose = 1)]`.
#[derive(Default)]
pub(crate) struct CacheOptions {
    /// Absent on methods, whose `impl` block names it.
    pub(crate) memory: Option<Expr>,
    pub(crate) ignore: Vec<Ident>,
    pub(crate) depends: Vec<Dependency>,
    /// Arguments that are hashed by a function of their own.
    pub(crate) hash: Vec<(Ident, Path)>,
    /// Calls of methods on the options of the memory.
    pub(crate) setters: TokenStream,
    pub(crate) cache_errors: bool,
}

/// Code that counts as one's own.
pub(crate) enum Dependency {
    /// An item with an attribute.
    Item(Path),
    /// `digest(..)`: an expression of type `Digest`.
    Digest(Expr),
}

/// `#[code(depends(f))]`.
#[derive(Default)]
pub(crate) struct CodeOptions {
    pub(crate) depends: Vec<Dependency>,
}

impl CacheOptions {
    /// The options of a method in a block that has options, too.
    pub(crate) fn within(mut self, block: &Self) -> Self {
        self.memory.clone_from(&block.memory);
        let (outer, own) = (&block.setters, &self.setters);
        self.setters = quote!(#outer #own);
        self.cache_errors |= block.cache_errors;
        self
    }

    fn option(&mut self, input: ParseStream<'_>) -> Result<()> {
        let name: Ident = input.parse()?;
        match name.to_string().as_str() {
            "ignore" => {
                let names = list_by(input, "ignore(a, b)", Ident::parse_any)?;
                self.ignore.extend(names);
            }
            "depends" => self.depends.extend(dependencies(input)?),
            "hash" => self.hash.extend(list_by(input, "hash(x = path)", hashed)?),
            "cache_errors" => self.cache_errors = true,
            setter if SETTERS.contains(&setter) => {
                if !input.peek(Token![=]) {
                    return Err(Error::new(name.span(), format!("write `{setter} = ..`")));
                }
                input.parse::<Token![=]>()?;
                let value: Expr = input.parse()?;
                self.setters.extend(quote!(.#name(#value)));
            }
            _ => return Err(unknown(&name, KNOWN)),
        }
        Ok(())
    }
}

impl Parse for CacheOptions {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        let mut first = true;
        if !input.is_empty() && !is_option(input) {
            options.memory = Some(input.parse()?);
            first = false;
        }
        while next_option(input, first)? {
            first = false;
            options.option(input)?;
        }
        Ok(options)
    }
}

impl Parse for CodeOptions {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        let mut first = true;
        while next_option(input, first)? {
            first = false;
            let name: Ident = input.parse()?;
            match name.to_string().as_str() {
                "depends" => options.depends.extend(dependencies(input)?),
                _ => return Err(unknown(&name, "`depends(..)`")),
            }
        }
        Ok(options)
    }
}

/// Whether an option comes first, where a memory may stand.
fn is_option(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    let Ok(name) = ahead.parse::<Ident>() else { return false };
    let name = name.to_string();
    let called = ahead.peek(syn::token::Paren);
    let assigned = ahead.peek(Token![=]) && !ahead.peek(Token![==]);
    match name.as_str() {
        "ignore" | "depends" | "hash" => called,
        "cache_errors" => ahead.is_empty() || ahead.peek(Token![,]),
        name => assigned && SETTERS.contains(&name),
    }
}

fn dependencies(input: ParseStream<'_>) -> Result<Punctuated<Dependency, Token![,]>> {
    list_by(input, "depends(f, g)", |input| {
        let item: Path = input.parse()?;
        if !(item.is_ident("digest") && input.peek(syn::token::Paren)) {
            return Ok(Dependency::Item(item));
        }
        let content;
        parenthesized!(content in input);
        content.parse().map(Dependency::Digest)
    })
}

fn hashed(input: ParseStream<'_>) -> Result<(Ident, Path)> {
    let name = input.call(Ident::parse_any)?;
    input.parse::<Token![=]>()?;
    Ok((name, input.parse()?))
}

/// Steps over the comma before an option; false at the end.
fn next_option(input: ParseStream<'_>, first: bool) -> Result<bool> {
    if !first && !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok(!input.is_empty())
}

fn list_by<T>(
    input: ParseStream<'_>,
    form: &str,
    item: fn(ParseStream<'_>) -> Result<T>,
) -> Result<Punctuated<T, Token![,]>> {
    if !input.peek(syn::token::Paren) {
        return Err(input.error(format!("write `{form}`")));
    }
    let content;
    parenthesized!(content in input);
    Punctuated::parse_terminated_with(&content, item)
}

fn unknown(name: &Ident, known: &str) -> Error {
    Error::new(name.span(), format!("unknown option `{name}` (known: {known})"))
}
