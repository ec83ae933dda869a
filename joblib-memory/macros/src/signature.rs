//! A function's arguments and return type as the expansion needs them.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Error, FnArg, GenericParam, Pat, PatType, Path, Receiver, ReceiverKind, Result, ReturnType,
    Signature, Type, parse_quote,
};

use crate::options::CacheOptions;

/// One argument.
pub(crate) struct Argument {
    /// What the generated functions call it: its own name, or `argN` where a pattern stands.
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    /// As it stands in a signature.
    pub(crate) parameter: TokenStream,
    /// Whether it has no influence on the result.
    pub(crate) ignored: bool,
    /// The function that is asked for what counts of it.
    pub(crate) hash: Option<Path>,
}

impl Argument {
    /// The name under which it is hashed and shown.
    pub(crate) fn name(&self) -> String {
        plain(&self.ident)
    }

    /// A type for `&ident`: `impl A + B` needs its parentheses there.
    pub(crate) fn reference(&self) -> TokenStream {
        let ty = &self.ty;
        match ty {
            Type::ImplTrait(_) => quote!(&(#ty)),
            _ => quote!(&#ty),
        }
    }

    /// Its name inside a function that is given a reference to it: there, `self` is no name.
    pub(crate) fn borrowed(&self) -> Ident {
        if self.ident == "self" { format_ident!("__receiver") } else { self.ident.clone() }
    }

    /// What counts, of a variable of this argument's type.
    pub(crate) fn counted(&self) -> TokenStream {
        self.peeled(&self.ident, &TokenStream::new())
    }

    /// What counts, of a variable that is a reference to this argument's type.
    pub(crate) fn counted_of_reference(&self) -> TokenStream {
        self.peeled(&self.borrowed(), &quote!(*))
    }

    /// From the variable to the value itself, as a reference: `&T`, `&&T` and `T` hash alike.
    fn peeled(&self, ident: &Ident, star: &TokenStream) -> TokenStream {
        let mut stars = star.clone();
        let mut ty = &self.ty;
        while let Type::Reference(reference) = ty {
            stars.extend(quote!(*));
            ty = &reference.elem;
        }
        // At the type, because the error for a type that cannot be hashed points there.
        match &self.hash {
            None => quote_spanned!(self.ty.span()=> &#stars #ident),
            Some(hash) => quote!(&#hash(&#stars #ident)),
        }
    }
}

/// The identifier as it is read: without `r#`.
pub(crate) fn plain(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_owned()
}

/// The arguments of `signature`, with what `options` says about them.
pub(crate) fn arguments(signature: &Signature, options: &CacheOptions) -> Result<Vec<Argument>> {
    let mut arguments = Vec::new();
    for (position, input) in signature.inputs.iter().enumerate() {
        let mut argument = match input {
            FnArg::Typed(typed) => typed_argument(position, typed),
            FnArg::Receiver(receiver) => receiving_argument(receiver),
        };
        argument.ignored = options.ignore.contains(&argument.ident);
        let hash = options.hash.iter().find(|(name, _)| *name == argument.ident);
        argument.hash = hash.map(|(_, path)| path.clone());
        check_argument(&argument)?;
        arguments.push(argument);
    }
    for name in options.ignore.iter().chain(options.hash.iter().map(|(name, _)| name)) {
        if !arguments.iter().any(|argument| argument.ident == *name) {
            return Err(unknown_argument(&signature.ident, name, &arguments));
        }
    }
    Ok(arguments)
}

fn typed_argument(position: usize, typed: &PatType) -> Argument {
    let ident = match &*typed.pat {
        Pat::Ident(pattern) => pattern.ident.clone(),
        _ => format_ident!("arg{position}"),
    };
    let ty = (*typed.ty).clone();
    let parameter = quote!(#ident: #ty);
    Argument { ident, ty, parameter, ignored: false, hash: None }
}

fn receiving_argument(receiver: &Receiver) -> Argument {
    let ident = Ident::from(receiver.self_token);
    let ty = match &receiver.kind {
        ReceiverKind::Reference(_, lifetime, mutability) => {
            parse_quote!(& #lifetime #mutability Self)
        }
        ReceiverKind::Typed(_, ty) => (**ty).clone(),
        _ => parse_quote!(Self),
    };
    // `mut` before `self` matters to the body alone.
    let receiver = Receiver { mutability: None, ..receiver.clone() };
    Argument { ident, ty, parameter: receiver.to_token_stream(), ignored: false, hash: None }
}

fn check_argument(argument: &Argument) -> Result<()> {
    let Type::Reference(reference) = &argument.ty else { return Ok(()) };
    if reference.mutability.is_none() || argument.ignored {
        return Ok(());
    }
    let ident = &argument.ident;
    Err(Error::new_spanned(
        &argument.parameter,
        format!(
            "what the function writes to `{ident}` would be lost when the result is found; \
             return it instead, or list it in `ignore(..)`"
        ),
    ))
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

/// The return type, and whether it is written as a `Result` or an `Option`.
pub(crate) fn output(signature: &Signature) -> (TokenStream, bool) {
    match &signature.output {
        ReturnType::Default => (quote!(()), false),
        ReturnType::Type(_, ty) => {
            let is_result = matches!(&**ty, Type::Path(path)
                if path.path.segments.last().is_some_and(|last| last.ident == "Result" || last.ident == "Option"));
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
