//! `#[cache]` on an `impl` block: its marked methods look first.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Error, ImplItem, ItemFn, ItemImpl, Meta, Result};

use crate::attributes;
use crate::cache::{Generated, Owner, Pieces};
use crate::options::CacheOptions;

/// The block with its marked methods replaced, and a block with what callers may ask.
pub(crate) fn expand(
    options: &CacheOptions,
    block: &ItemImpl,
    krate: &TokenStream,
) -> Result<TokenStream> {
    check(options, block)?;
    let mut block = block.clone();
    let (mut wrappers, mut companions) = (Vec::new(), Vec::new());
    let mut others = Vec::new();
    let (ty, all_generics) = (block.self_ty.clone(), block.generics.clone());
    let (generics, _, clause) = all_generics.split_for_impl();
    for item in std::mem::take(&mut block.items) {
        let ImplItem::Fn(mut method) = item else {
            others.push(item);
            continue;
        };
        let Some(marked) = take_mark(&mut method.attrs) else {
            others.push(ImplItem::Fn(method));
            continue;
        };
        let own = method_options(&marked)?.within(options);
        let function = ItemFn {
            attrs: method.attrs,
            vis: method.vis,
            modifiers: method.modifiers,
            sig: method.sig,
            block: Box::new(method.block),
        };
        let pieces = Pieces::new(&own, &function, Owner::Type(&ty), krate)?;
        let Generated { wrapper, companion } = pieces.generate();
        let conditions = attributes::conditions(&function.attrs);
        wrappers.push(wrapper);
        companions.push(quote! {
            #(#conditions)*
            #[allow(
                dead_code,
                unreachable_pub,
                clippy::all,
                clippy::pedantic,
                clippy::nursery,
                reason = "written by the attribute, not by its user"
            )]
            impl #generics #ty #clause {
                #companion
            }
        });
    }
    if wrappers.is_empty() {
        return Err(Error::new_spanned(
            block.impl_token,
            "no method is marked: write `#[cache]` on those whose results are to be kept",
        ));
    }
    block.items = others;
    let attrs = &block.attrs;
    Ok(quote! {
        #block

        #(#attrs)*
        impl #generics #ty #clause {
            #(#wrappers)*
        }

        #(#companions)*
    })
}

fn check(options: &CacheOptions, block: &ItemImpl) -> Result<()> {
    if let Some((path, _)) = &block.trait_ {
        return Err(Error::new_spanned(
            path,
            "methods of a trait cannot be cached: cache a method of the type and call it from here",
        ));
    }
    let of_one = options.ignore.first().or(options.hash.first().map(|(name, _)| name));
    if let Some(name) = of_one {
        return Err(Error::new_spanned(
            name,
            "what is said of an argument stands on its method: `#[cache(ignore(..))]`",
        ));
    }
    if !options.depends.is_empty() {
        return Err(Error::new_spanned(
            block.impl_token,
            "`depends(..)` stands on the method: `#[cache(depends(..))]`",
        ));
    }
    Ok(())
}

/// Takes `#[cache]` or `#[cache(..)]` away from a method.
fn take_mark(attributes: &mut Vec<Attribute>) -> Option<Attribute> {
    let is_mark = |a: &Attribute| a.path().segments.last().is_some_and(|s| s.ident == "cache");
    attributes.iter().position(is_mark).map(|position| attributes.remove(position))
}

fn method_options(mark: &Attribute) -> Result<CacheOptions> {
    let Meta::List(_) = &mark.meta else { return Ok(CacheOptions::default()) };
    let options: CacheOptions = mark.parse_args()?;
    match &options.memory {
        None => Ok(options),
        Some(memory) => Err(Error::new_spanned(
            memory,
            "the memory is named on the `impl` block; here stand options only",
        )),
    }
}
