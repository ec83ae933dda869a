//! `#[code]`, and the constant `CODE` that both attributes emit.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Attribute, Error, Item, ItemFn, Result, Visibility};

use crate::options::{CodeOptions, Dependency};
use crate::{attributes, tokens};

pub(crate) fn expand(
    options: &CodeOptions,
    item: &Item,
    krate: &TokenStream,
) -> Result<TokenStream> {
    let Parts { name, vis, attrs, code } = parts(item)?;
    let conditions = attributes::conditions(attrs);
    let constant = constant(
        &format_ident!("CODE"),
        &quote!(pub),
        tokens::digest(code),
        &options.depends,
        krate,
    );
    let text = format!("The code of [`{name}`](value@{name}), for `depends`.");
    Ok(quote! {
        #item

        #(#conditions)*
        #[doc = #text]
        #[allow(non_camel_case_types, dead_code, reason = "named as the function it stands for")]
        #[derive(Debug)]
        #vis enum #name {}

        #(#conditions)*
        #[allow(dead_code, reason = "not everybody asks for the code")]
        impl #name {
            #constant
        }
    })
}

/// The constant of a digest, from that of an item's own code and those of what it depends on.
pub(crate) fn constant(
    name: &Ident,
    vis: &dyn ToTokens,
    own: u128,
    depends: &[Dependency],
    krate: &TokenStream,
) -> TokenStream {
    let vis = vis.to_token_stream();
    let depends = depends.iter().map(|dependency| match dependency {
        Dependency::Item(path) => quote!(#path::CODE),
        Dependency::Digest(digest) => quote!(#digest),
    });
    quote! {
        /// The digest of the code, that of `depends` included.
        #vis const #name: #krate::Digest =
            #krate::__private::combine(#krate::Digest::from_u128(#own), &[#(#depends),*]);
    }
}

/// The tokens of a function that count: all but its visibility and neutral attributes.
pub(crate) fn function_code(function: &ItemFn) -> TokenStream {
    let mut code = attributes::code(&function.attrs);
    function.sig.to_tokens(&mut code);
    function.block.to_tokens(&mut code);
    code
}

struct Parts<'a> {
    name: &'a Ident,
    vis: &'a Visibility,
    attrs: &'a [Attribute],
    code: TokenStream,
}

fn parts(item: &Item) -> Result<Parts<'_>> {
    match item {
        Item::Fn(f) => {
            Ok(Parts { name: &f.sig.ident, vis: &f.vis, attrs: &f.attrs, code: function_code(f) })
        }
        Item::Const(c) => {
            let (attributes, ty, expr) = (attributes::code(&c.attrs), &c.ty, &c.expr);
            let code = quote!(#attributes #ty = #expr);
            Ok(Parts { name: &c.ident, vis: &c.vis, attrs: &c.attrs, code })
        }
        _ => Err(Error::new_spanned(item, "`#[code]` goes on a function or a constant")),
    }
}
