//! What may stand in the parentheses of the attributes.

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, Path, Result, Token, parenthesized};

/// `#[cache(MEMORY, ignore(a, b), depends(f))]`.
pub(crate) struct CacheOptions {
    pub(crate) memory: Expr,
    pub(crate) ignore: Vec<Ident>,
    pub(crate) depends: Vec<Path>,
}

/// `#[code(depends(f))]`.
pub(crate) struct CodeOptions {
    pub(crate) depends: Vec<Path>,
}

impl Parse for CacheOptions {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let missing = "name the memory first: `#[cache(MEMORY)]` or `#[cache(MEMORY, ignore(..))]`";
        if input.is_empty() {
            return Err(input.error(missing));
        }
        let memory: Expr = input.parse()?;
        if let Expr::Call(call) = &memory
            && let Expr::Path(name) = &*call.func
            && ["ignore", "depends"].iter().any(|option| name.path.is_ident(option))
        {
            return Err(Error::new_spanned(&memory, missing));
        }
        let mut options = Self { memory, ignore: Vec::new(), depends: Vec::new() };
        while next_option(input, false)? {
            let name: Ident = input.parse()?;
            match name.to_string().as_str() {
                "ignore" => options.ignore.extend(list::<Ident>(input, "ignore(a, b)")?),
                "depends" => options.depends.extend(list::<Path>(input, "depends(f, g)")?),
                _ => return Err(unknown(&name, "`ignore(..)` and `depends(..)`")),
            }
        }
        Ok(options)
    }
}

impl Parse for CodeOptions {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self { depends: Vec::new() };
        let mut first = true;
        while next_option(input, first)? {
            first = false;
            let name: Ident = input.parse()?;
            match name.to_string().as_str() {
                "depends" => options.depends.extend(list::<Path>(input, "depends(f, g)")?),
                _ => return Err(unknown(&name, "`depends(..)`")),
            }
        }
        Ok(options)
    }
}

/// Steps over the comma before an option; false at the end.
fn next_option(input: ParseStream<'_>, first: bool) -> Result<bool> {
    if !first && !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok(!input.is_empty())
}

fn list<T: Parse>(input: ParseStream<'_>, form: &str) -> Result<Punctuated<T, Token![,]>> {
    if !input.peek(syn::token::Paren) {
        return Err(input.error(format!("write `{form}`")));
    }
    let content;
    parenthesized!(content in input);
    Punctuated::parse_terminated(&content)
}

fn unknown(name: &Ident, known: &str) -> Error {
    Error::new(name.span(), format!("unknown option `{name}` (known: {known})"))
}
