//! `#[cache]` on a function: the function that looks first, and its companion.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Error, Item, ItemFn, Result};

use crate::options::CacheOptions;
use crate::signature::{self, Argument};
use crate::{attributes, code, tokens};

/// What `#[cache]` may stand on: a function, and nothing else.
pub(crate) struct CachedItem(pub(crate) ItemFn);

impl Parse for CachedItem {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        match input.parse()? {
            Item::Fn(function) => Ok(Self(function)),
            Item::Impl(item) => Err(Error::new_spanned(
                item.impl_token,
                "`#[cache]` does not go on methods: cache a free function that takes the fields it reads",
            )),
            other => Err(Error::new_spanned(other, "`#[cache]` goes on a function")),
        }
    }
}

/// The pieces every generated function is put together from.
struct Pieces<'a> {
    function: &'a ItemFn,
    arguments: Vec<Argument>,
    krate: &'a TokenStream,
    memory: TokenStream,
    /// `::<T, N>`, or nothing.
    turbofish: TokenStream,
    /// The return type as written.
    output: TokenStream,
    /// The return type as an `Outcome`: itself if it is a `Result`, wrapped in `Whole` otherwise.
    outcome: TokenStream,
    is_result: bool,
}

pub(crate) fn expand(
    options: &CacheOptions,
    function: &ItemFn,
    krate: &TokenStream,
) -> Result<TokenStream> {
    let signature = &function.sig;
    signature::check(signature)?;
    let arguments = signature::arguments(signature, &options.ignore)?;
    let (output, is_result) = signature::output(signature);
    let outcome =
        if is_result { output.clone() } else { quote!(#krate::__private::Whole<#output>) };
    let memory = &options.memory;
    let pieces = Pieces {
        function,
        arguments,
        krate,
        memory: quote_spanned!(memory.span()=> &#memory),
        turbofish: signature::turbofish(signature),
        output,
        outcome,
        is_result,
    };
    let wrapper = pieces.wrapper();
    let companion = pieces.companion(&options.depends);
    Ok(quote! { #wrapper #companion })
}

impl Pieces<'_> {
    /// The function under its own name, signature and attributes.
    fn wrapper(&self) -> TokenStream {
        let ItemFn { attrs, vis, sig, .. } = self.function;
        let attrs = attributes::for_wrapper(attrs);
        let name = &sig.ident;
        let (asyncness, wait) = (&sig.asyncness, self.wait());
        let (generics, _, clause) = sig.generics.split_for_impl();
        let (parameters, idents, output) = (self.parameters(), self.idents(), &self.output);
        let turbofish = &self.turbofish;
        quote! {
            #(#attrs)*
            #vis #asyncness fn #name #generics (#(#parameters),*) -> #output #clause {
                #name::__run #turbofish (false, #(#idents),*) #wait
            }
        }
    }

    /// The type of the function's name and everything on it.
    fn companion(&self, depends: &[syn::Path]) -> TokenStream {
        let ItemFn { attrs, vis, sig, .. } = self.function;
        let name = &sig.ident;
        let conditions = attributes::conditions(attrs);
        let text = format!("What is stored of [`{name}()`](value@{name}), and its code.");
        let constant =
            code::constant(tokens::digest(code::function_code(self.function)), depends, self.krate);
        let original = self.original();
        let functions = [self.digest(), self.identity(), self.run(), self.questions()];
        quote! {
            #(#conditions)*
            #[doc = #text]
            #[allow(non_camel_case_types)]
            #[derive(Debug)]
            #vis enum #name {}

            #(#conditions)*
            #[allow(clippy::too_many_arguments)]
            impl #name {
                #original
            }

            #(#conditions)*
            #[allow(
                dead_code,
                unreachable_pub,
                clippy::all,
                clippy::pedantic,
                clippy::nursery,
                reason = "written by the attribute, not by its user"
            )]
            impl #name {
                #constant
                #(#functions)*
            }
        }
    }

    /// The function as it was written.
    fn original(&self) -> TokenStream {
        let ItemFn { attrs, sig, block, .. } = self.function;
        let lint_levels = attributes::lint_levels(attrs);
        let mut sig = sig.clone();
        sig.ident = syn::Ident::new("__original", sig.ident.span());
        quote! { #(#lint_levels)* #sig #block }
    }

    /// The digest of the arguments that count.
    fn digest(&self) -> TokenStream {
        let krate = self.krate;
        let (generics, _, clause) = self.function.sig.generics.split_for_impl();
        let counted: Vec<_> = self.arguments.iter().filter(|a| !a.ignored).collect();
        let idents = counted.iter().map(|a| &a.ident);
        let types = counted.iter().map(|a| a.reference());
        let anonymous = counted.iter().filter(|a| matches!(a.ty, syn::Type::ImplTrait(_)));
        let anonymous = anonymous.map(|a| &a.ident);
        let type_names = self.function.sig.generics.type_params().map(|p| &p.ident);
        let constants: Vec<_> =
            self.function.sig.generics.const_params().map(|p| &p.ident).collect();
        let constant_names = constants.iter().map(ToString::to_string);
        let names = counted.iter().map(|a| a.name());
        let values = counted.iter().map(|a| a.peeled());
        quote! {
            fn __digest #generics (#(#idents: #types),*) -> #krate::__private::Arguments #clause {
                #krate::__private::Arguments::new()
                    #(.type_parameter(::core::any::type_name::<#type_names>()))*
                    #(.type_parameter(::core::any::type_name_of_val(#anonymous)))*
                    #(.argument(#constant_names, &#constants))*
                    #(.argument(#names, #values))*
            }
        }
    }

    /// Under which name the results are stored: the path of the companion says in which function
    /// a nested function lies, which `module_path!` does not.
    fn identity(&self) -> TokenStream {
        let (krate, name) = (self.krate, &self.function.sig.ident);
        quote! {
            fn __function() -> &'static #krate::Function {
                static FUNCTION: ::std::sync::LazyLock<#krate::Function> =
                    ::std::sync::LazyLock::new(|| {
                        #krate::Function::new(::core::any::type_name::<#name>())
                            .with_version(::core::option_env!("CARGO_PKG_VERSION"))
                    });
                &FUNCTION
            }
        }
    }

    /// Looks, and computes what is not there: behind the function itself and `recompute`.
    fn run(&self) -> TokenStream {
        let (krate, wait) = (self.krate, self.wait());
        let asyncness = &self.function.sig.asyncness;
        let (generics, _, clause) = self.function.sig.generics.split_for_impl();
        let (parameters, idents, output) = (self.parameters(), self.idents(), &self.output);
        let (turbofish, outcome) = (&self.turbofish, &self.outcome);
        let (asked, digest, described) = (self.asked(), self.digest_call(), self.described());
        let check = self.check_output();
        quote! {
            #asyncness fn __run #generics (__recompute: bool, #(#parameters),*) -> #output #clause {
                #check
                match #asked.find::<#outcome>(__recompute, || #digest) {
                    #krate::__private::Found::Stored(__value) => __value,
                    #krate::__private::Found::Nothing(mut __pending) => {
                        #described
                        let __value = Self::__original #turbofish (#(#idents),*) #wait;
                        __pending.finish(__value)
                    }
                }
            }
        }
    }

    /// What callers may ask of the companion.
    fn questions(&self) -> TokenStream {
        let (krate, wait) = (self.krate, self.wait());
        let ItemFn { vis, sig, .. } = self.function;
        let asyncness = &sig.asyncness;
        let (generics, _, clause) = sig.generics.split_for_impl();
        let (parameters, idents, output) = (self.parameters(), self.idents(), &self.output);
        let (turbofish, outcome, memory) = (&self.turbofish, &self.outcome, &self.memory);
        let (asked, digest, described) = (self.asked(), self.digest_call(), self.described());
        let shelved = if self.is_result {
            quote!(<#output as #krate::__private::Outcome>::Shelved)
        } else {
            quote!(#krate::Shelved<#output>)
        };
        quote! {
            /// Whether the result of this call is stored.
            #[allow(unused_variables, reason = "ignored arguments are only taken")]
            #vis fn is_cached #generics (#(#parameters),*) -> bool #clause {
                #asked.is_cached(|| #digest)
            }

            /// A reference to the stored result of this call, which is computed if it is not there.
            #vis #asyncness fn shelve #generics (#(#parameters),*) -> #shelved #clause {
                match #asked.find_shelved::<#outcome>(|| #digest) {
                    #krate::__private::Found::Stored(__shelved) => __shelved,
                    #krate::__private::Found::Nothing(mut __pending) => {
                        #described
                        let __value = Self::__original #turbofish (#(#idents),*) #wait;
                        __pending.shelve(__value)
                    }
                }
            }

            /// Computes this call whatever is stored, and stores the new result.
            #vis #asyncness fn recompute #generics (#(#parameters),*) -> #output #clause {
                Self::__run #turbofish (true, #(#idents),*) #wait
            }

            /// Forgets all results of this function, those of its older code included.
            ///
            /// # Errors
            ///
            /// If the store cannot be listed or an entry cannot be deleted.
            #vis fn clear() -> #krate::Result<()> {
                let __memory: &#krate::Memory = #memory;
                __memory.clear_function(Self::__function())
            }
        }
    }

    fn asked(&self) -> TokenStream {
        let (krate, memory) = (self.krate, &self.memory);
        // Waiting would block the thread that has to finish the other computation.
        let may_wait = self.function.sig.asyncness.is_none();
        quote! {
            #krate::__private::Asked::new(#memory, Self::__function(), Self::CODE, #may_wait)
        }
    }

    fn digest_call(&self) -> TokenStream {
        let turbofish = &self.turbofish;
        let counted = self.arguments.iter().filter(|a| !a.ignored).map(|a| &a.ident);
        quote!(Self::__digest #turbofish (#(&#counted),*))
    }

    /// Notes the arguments for the metadata before the call consumes them.
    fn described(&self) -> TokenStream {
        let counted: Vec<_> = self.arguments.iter().filter(|a| !a.ignored).collect();
        let (names, idents) = (counted.iter().map(|a| a.name()), counted.iter().map(|a| &a.ident));
        quote!(#(__pending.argument(#names, &#idents);)* __pending.start();)
    }

    /// Refuses a `Result` behind another name, whose errors would be stored.
    fn check_output(&self) -> TokenStream {
        if self.is_result {
            return TokenStream::new();
        }
        let (krate, output) = (self.krate, &self.output);
        quote_spanned! {self.function.sig.output.span()=>
            {
                #[allow(unused_imports, reason = "needed only where the type is no `Result`")]
                use #krate::__private::NotAResult as _;
                #krate::__private::Returned::<#output>::new().is_written_as_result();
            }
        }
    }

    fn parameters(&self) -> Vec<TokenStream> {
        self.arguments.iter().map(|Argument { ident, ty, .. }| quote!(#ident: #ty)).collect()
    }

    fn idents(&self) -> Vec<&syn::Ident> {
        self.arguments.iter().map(|a| &a.ident).collect()
    }

    fn wait(&self) -> TokenStream {
        if self.function.sig.asyncness.is_some() { quote!(.await) } else { TokenStream::new() }
    }
}
