//! A function's arguments and return type as the expansion needs them.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, GenericParam, Pat, PatType, Result, ReturnType, Signature, Type};

/// One argument.
pub(crate) struct Argument {
    /// What the generated functions call it: its own name, or `argN` where a pattern stands.
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    /// Whether it has no influence on the result.
    pub(crate) ignored: bool,
}

impl Argument {
    /// The name under which it is hashed and shown.
    pub(crate) fn name(&self) -> String {
        let name = self.ident.to_string();
        name.strip_prefix("r#").unwrap_or(&name).to_owned()
    }

    /// A type for `&ident`: `impl A + B` needs its parentheses there.
    pub(crate) fn reference(&self) -> TokenStream {
        let ty = &self.ty;
        match ty {
            Type::ImplTrait(_) => quote!(&(#ty)),
            _ => quote!(&#ty),
        }
    }

    /// From `ident: &ty` to the value itself, as a reference: `&T`, `&&T` and `T` hash alike.
    pub(crate) fn peeled(&self) -> TokenStream {
        let mut stars = TokenStream::new();
        let mut ty = &self.ty;
        while let Type::Reference(reference) = ty {
            stars.extend(quote!(*));
            ty = &reference.elem;
        }
        let ident = &self.ident;
        // At the type, because the error for a type that cannot be hashed points there.
        quote_spanned!(self.ty.span()=> &*#stars #ident)
    }
}

/// The arguments of `signature`, those named in `ignore` marked.
pub(crate) fn arguments(signature: &Signature, ignore: &[Ident]) -> Result<Vec<Argument>> {
    let mut arguments = Vec::new();
    for (position, input) in signature.inputs.iter().enumerate() {
        match input {
            FnArg::Typed(typed) => arguments.push(argument(position, typed, ignore)?),
            FnArg::Receiver(receiver) => {
                return Err(Error::new_spanned(
                    receiver,
                    "`#[cache]` does not go on methods: cache a free function that takes the fields it reads",
                ));
            }
        }
    }
    for name in ignore {
        if !arguments.iter().any(|argument| argument.ident == *name) {
            return Err(unknown_argument(&signature.ident, name, &arguments));
        }
    }
    Ok(arguments)
}

fn argument(position: usize, typed: &PatType, ignore: &[Ident]) -> Result<Argument> {
    let ident = match &*typed.pat {
        Pat::Ident(pattern) => pattern.ident.clone(),
        _ => format_ident!("arg{position}"),
    };
    let ignored = ignore.contains(&ident);
    if let Type::Reference(reference) = &*typed.ty
        && reference.mutability.is_some()
        && !ignored
    {
        return Err(Error::new_spanned(
            reference,
            format!(
                "what the function writes to `{ident}` would be lost when the result is found; \
                 return it instead, or list it in `ignore(..)`"
            ),
        ));
    }
    Ok(Argument { ident, ty: (*typed.ty).clone(), ignored })
}

fn unknown_argument(function: &Ident, name: &Ident, arguments: &[Argument]) -> Error {
    let known: Vec<String> = arguments.iter().map(|a| format!("`{}`", a.name())).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Error::new(name.span(), format!("`{function}` has no argument `{name}` (arguments: {known})"))
}

/// Refuses what no expansion could keep.
pub(crate) fn check(signature: &Signature) -> Result<()> {
    let refuse = |tokens: &dyn quote::ToTokens, why: &str| Err(Error::new_spanned(tokens, why));
    if let Some(token) = &signature.constness {
        return refuse(token, "a `const fn` cannot read a cache");
    }
    if let syn::Safety::Unsafe(token) = &signature.safety {
        return refuse(token, "an `unsafe fn` cannot be cached: cache the safe function around it");
    }
    if let Some(token) = &signature.abi {
        return refuse(token, "only functions of the Rust ABI can be cached");
    }
    match &signature.output {
        ReturnType::Type(_, ty) => match &**ty {
            Type::Reference(_) => refuse(ty, "a cached function returns an owned value"),
            Type::ImplTrait(_) => {
                refuse(ty, "a cached function names its return type: `impl Trait` cannot be stored")
            }
            _ => Ok(()),
        },
        ReturnType::Default => Ok(()),
    }
}

/// The return type, and whether it is written as a `Result`.
pub(crate) fn output(signature: &Signature) -> (TokenStream, bool) {
    match &signature.output {
        ReturnType::Default => (quote!(()), false),
        ReturnType::Type(_, ty) => {
            let is_result = matches!(&**ty, Type::Path(path)
                if path.path.segments.last().is_some_and(|segment| segment.ident == "Result"));
            (quote!(#ty), is_result)
        }
    }
}

/// `::<T, N>` with the type and constant parameters; lifetimes are inferred.
pub(crate) fn turbofish(signature: &Signature) -> TokenStream {
    let names: Vec<&Ident> = signature
        .generics
        .params
        .iter()
        .filter_map(|parameter| match parameter {
            GenericParam::Type(parameter) => Some(&parameter.ident),
            GenericParam::Const(parameter) => Some(&parameter.ident),
            GenericParam::Lifetime(_) => None,
        })
        .collect();
    if names.is_empty() { TokenStream::new() } else { quote!(::<#(#names),*>) }
}
