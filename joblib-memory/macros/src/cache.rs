//! `#[cache]` on a function: the function that looks first, and its companion.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Error, FnArg, Item, ItemFn, ItemImpl, Result, Type};

use crate::options::CacheOptions;
use crate::signature::{self, Argument};
use crate::{attributes, code, tokens};

/// What `#[cache]` may stand on.
pub(crate) enum CachedItem {
    Function(Box<ItemFn>),
    Methods(Box<ItemImpl>),
}

impl Parse for CachedItem {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        match input.parse()? {
            Item::Fn(function) => Ok(Self::Function(Box::new(function))),
            Item::Impl(item) => Ok(Self::Methods(Box::new(item))),
            other => Err(Error::new_spanned(
                other,
                "`#[cache]` goes on a function, or on an `impl` block with marked methods",
            )),
        }
    }
}

/// Where the generated functions stand.
#[derive(Clone, Copy)]
pub(crate) enum Owner<'a> {
    /// On a type of the function's name.
    Companion,
    /// Beside the method, on its own type.
    Type(&'a Type),
}

/// The pieces every generated function is put together from.
pub(crate) struct Pieces<'a> {
    function: &'a ItemFn,
    options: &'a CacheOptions,
    owner: Owner<'a>,
    arguments: Vec<Argument>,
    krate: &'a TokenStream,
    memory: TokenStream,
    /// `::<T, N>`, or nothing.
    turbofish: TokenStream,
    /// The return type as written.
    output: TokenStream,
    /// The return type as an `Outcome`: itself if it can fail, wrapped in `Whole` otherwise.
    outcome: TokenStream,
    /// Whether the return type is an `Outcome` by itself.
    is_result: bool,
}

/// What becomes of a function.
pub(crate) struct Generated {
    /// It itself.
    pub(crate) wrapper: TokenStream,
    /// What callers may ask.
    pub(crate) companion: TokenStream,
}

pub(crate) fn expand(
    options: &CacheOptions,
    function: &ItemFn,
    krate: &TokenStream,
) -> Result<TokenStream> {
    if let Some(FnArg::Receiver(receiver)) = function.sig.inputs.first() {
        return Err(Error::new_spanned(
            receiver,
            "on methods, `#[cache(MEMORY)]` goes on the `impl` block and `#[cache]` on the method",
        ));
    }
    let pieces = Pieces::new(options, function, Owner::Companion, krate)?;
    let Generated { wrapper, companion } = pieces.generate();
    Ok(quote! { #wrapper #companion })
}

impl<'a> Pieces<'a> {
    pub(crate) fn new(
        options: &'a CacheOptions,
        function: &'a ItemFn,
        owner: Owner<'a>,
        krate: &'a TokenStream,
    ) -> Result<Self> {
        let signature = &function.sig;
        signature::check(signature)?;
        let arguments = signature::arguments(signature, options)?;
        let (output, may_fail) = signature::output(signature);
        let is_result = may_fail && !options.cache_errors;
        let outcome =
            if is_result { output.clone() } else { quote!(#krate::__private::Whole<#output>) };
        let memory = options.memory.as_ref().ok_or_else(|| {
            let missing =
                "name the memory first: `#[cache(MEMORY)]` or `#[cache(MEMORY, ignore(..))]`";
            Error::new(proc_macro2::Span::call_site(), missing)
        })?;
        Ok(Self {
            function,
            options,
            owner,
            arguments,
            krate,
            memory: quote_spanned!(memory.span()=> &#memory),
            turbofish: signature::turbofish(signature),
            output,
            outcome,
            is_result,
        })
    }

    pub(crate) fn generate(&self) -> Generated {
        let companion = match self.owner {
            Owner::Companion => self.companion(),
            Owner::Type(_) => self.members(),
        };
        Generated { wrapper: self.wrapper(), companion }
    }

    /// The name of a generated function that callers do not see.
    fn hidden(&self, what: &str) -> Ident {
        let name = &self.function.sig.ident;
        match self.owner {
            Owner::Companion => format_ident!("__{what}"),
            Owner::Type(_) => format_ident!("__{name}_{what}"),
        }
    }

    /// The name of a generated function that callers use: `f::what`, or `value.f_what`.
    fn public(&self, what: &str) -> Ident {
        let name = &self.function.sig.ident;
        match self.owner {
            Owner::Companion => format_ident!("{what}"),
            Owner::Type(_) => format_ident!("{name}_{what}"),
        }
    }

    fn code_name(&self) -> Ident {
        let name = self.function.sig.ident.to_string().to_uppercase();
        match self.owner {
            Owner::Companion => format_ident!("CODE"),
            Owner::Type(_) => format_ident!("{}_CODE", name.trim_start_matches("R#")),
        }
    }

    /// The function under its own name, signature and attributes.
    fn wrapper(&self) -> TokenStream {
        let ItemFn { attrs, vis, sig, .. } = self.function;
        let attrs = attributes::for_wrapper(attrs);
        let name = &sig.ident;
        let (asyncness, wait) = (&sig.asyncness, self.wait());
        let (generics, _, clause) = sig.generics.split_for_impl();
        let (parameters, idents, output) = (self.parameters(), self.idents(), &self.output);
        let (turbofish, run) = (&self.turbofish, self.hidden("run"));
        let owner = match self.owner {
            Owner::Companion => name.to_token_stream(),
            Owner::Type(_) => quote!(Self),
        };
        let run = quote!(#owner::#run #turbofish (#(#idents,)* false));
        quote! {
            #(#attrs)*
            #vis #asyncness fn #name #generics (#(#parameters),*) -> #output #clause {
                #run #wait
            }
        }
    }

    /// Everything that is generated for a method.
    fn members(&self) -> TokenStream {
        let members =
            [self.constant(), self.original(), self.digest(), self.identity(), self.run()];
        let members = members.into_iter().chain(self.questions());
        quote!(#(#members)*)
    }

    /// The type of the function's name and everything on it.
    fn companion(&self) -> TokenStream {
        let ItemFn { attrs, vis, sig, .. } = self.function;
        let name = &sig.ident;
        let conditions = attributes::conditions(attrs);
        let text = format!("What is stored of [`{name}()`](value@{name}), and its code.");
        let (constant, original) = (self.constant(), self.original());
        let functions = [self.digest(), self.identity(), self.run()];
        let functions = functions.into_iter().chain(self.questions());
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

    /// The digest of the code.
    fn constant(&self) -> TokenStream {
        let mut code = code::function_code(self.function);
        let vis = match self.owner {
            Owner::Companion => quote!(pub),
            Owner::Type(ty) => {
                ty.to_tokens(&mut code);
                self.function.vis.to_token_stream()
            }
        };
        let (own, depends) = (tokens::digest(code), &self.options.depends);
        code::constant(&self.code_name(), &vis, own, depends, self.krate)
    }

    /// The function as it was written.
    fn original(&self) -> TokenStream {
        let ItemFn { attrs, sig, block, .. } = self.function;
        let lint_levels = attributes::lint_levels(attrs);
        let mut sig = sig.clone();
        sig.ident = Ident::new(&self.hidden("original").to_string(), sig.ident.span());
        quote! { #(#lint_levels)* #[doc(hidden)] #sig #block }
    }

    /// The digest of the arguments that count.
    fn digest(&self) -> TokenStream {
        let krate = self.krate;
        let (generics, _, clause) = self.function.sig.generics.split_for_impl();
        let counted: Vec<_> = self.arguments.iter().filter(|a| !a.ignored).collect();
        let name = self.hidden("digest");
        let own_type = matches!(self.owner, Owner::Type(_)).then(|| quote!(Self));
        let own_type = own_type.iter();
        let idents = counted.iter().map(|a| a.borrowed());
        let types = counted.iter().map(|a| a.reference());
        let anonymous = counted.iter().filter(|a| matches!(a.ty, Type::ImplTrait(_)));
        let anonymous = anonymous.map(|a| &a.ident);
        let type_names = self.function.sig.generics.type_params().map(|p| &p.ident);
        let constants: Vec<_> =
            self.function.sig.generics.const_params().map(|p| &p.ident).collect();
        let constant_names = constants.iter().map(ToString::to_string);
        let names = counted.iter().map(|a| a.name());
        let values = counted.iter().map(|a| a.counted_of_reference());
        quote! {
            #[doc(hidden)]
            fn #name #generics (
                __empty: #krate::__private::Arguments,
                #(#idents: #types),*
            ) -> #krate::__private::Arguments #clause {
                __empty
                    #(.type_parameter(::core::any::type_name::<#own_type>()))*
                    #(.type_parameter(::core::any::type_name::<#type_names>()))*
                    #(.type_parameter(::core::any::type_name_of_val(#anonymous)))*
                    #(.argument(#constant_names, &#constants))*
                    #(.argument(#names, #values))*
            }
        }
    }

    /// Under which name the results are stored. The path of a companion says in which function
    /// a nested function lies, which `module_path!` does not. Of a method it is the path of its
    /// block; the type's own path is hashed as a type parameter.
    fn identity(&self) -> TokenStream {
        let (krate, name, method) = (self.krate, self.hidden("function"), &self.function.sig.ident);
        let path = match self.owner {
            Owner::Companion => quote!(::core::any::type_name::<#method>()),
            Owner::Type(ty) => {
                let (ty, method) = (type_name(ty), signature::plain(method));
                quote!(::core::concat!(::core::module_path!(), "::", #ty, "::", #method))
            }
        };
        quote! {
            #[doc(hidden)]
            fn #name() -> &'static #krate::Function {
                static FUNCTION: ::std::sync::LazyLock<#krate::Function> =
                    ::std::sync::LazyLock::new(|| {
                        #krate::Function::new(#path)
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
        let (check, name, original) =
            (self.check_output(), self.hidden("run"), self.hidden("original"));
        quote! {
            #[doc(hidden)]
            #asyncness fn #name #generics (#(#parameters,)* __recompute: bool) -> #output #clause {
                #check
                match #asked.find::<#outcome>(__recompute, |__empty| #digest) {
                    #krate::__private::Found::Stored(__value) => __value,
                    #krate::__private::Found::Nothing(mut __pending) => {
                        #described
                        let __value = Self::#original #turbofish (#(#idents),*) #wait;
                        __pending.finish(__value)
                    }
                }
            }
        }
    }

    /// What callers may ask.
    fn questions(&self) -> [TokenStream; 3] {
        [self.question_of_call(), self.other_ways_to_call(), self.questions_of_function()]
    }

    fn question_of_call(&self) -> TokenStream {
        let (krate, vis) = (self.krate, &self.function.vis);
        let (generics, _, clause) = self.function.sig.generics.split_for_impl();
        let parameters = self.parameters();
        let (asked, digest, notes) = (self.asked(), self.digest_call(), self.notes());
        let (is_cached, explain) = (self.public("is_cached"), self.public("explain"));
        quote! {
            /// Whether the result of this call is stored and would be used.
            #[allow(unused_variables, reason = "ignored arguments are only taken")]
            #vis fn #is_cached #generics (#(#parameters),*) -> bool #clause {
                #asked.is_cached(|__empty| #digest)
            }

            /// Why the result of this call is stored or not: the nearest stored call, and what
            /// differs.
            #[allow(unused_variables, reason = "ignored arguments are only taken")]
            #vis fn #explain #generics (#(#parameters),*) -> #krate::Explanation #clause {
                #asked.explain(|__empty| #digest, || #notes)
            }
        }
    }

    fn other_ways_to_call(&self) -> TokenStream {
        let (krate, wait) = (self.krate, self.wait());
        let ItemFn { vis, sig, .. } = self.function;
        let asyncness = &sig.asyncness;
        let (generics, _, clause) = sig.generics.split_for_impl();
        let (parameters, idents, output) = (self.parameters(), self.idents(), &self.output);
        let (turbofish, outcome) = (&self.turbofish, &self.outcome);
        let (asked, digest, described) = (self.asked(), self.digest_call(), self.described());
        let (shelve, recompute) = (self.public("shelve"), self.public("recompute"));
        let (run, original) = (self.hidden("run"), self.hidden("original"));
        let shelved = if self.is_result {
            quote!(<#output as #krate::__private::Outcome>::Shelved)
        } else {
            quote!(#krate::Shelved<#output>)
        };
        quote! {
            /// A reference to the stored result of this call, which is computed if it is not there.
            #vis #asyncness fn #shelve #generics (#(#parameters),*) -> #shelved #clause {
                match #asked.find_shelved::<#outcome>(|__empty| #digest) {
                    #krate::__private::Found::Stored(__shelved) => __shelved,
                    #krate::__private::Found::Nothing(mut __pending) => {
                        #described
                        let __value = Self::#original #turbofish (#(#idents),*) #wait;
                        __pending.shelve(__value)
                    }
                }
            }

            /// Computes this call whatever is stored, and stores the new result.
            #vis #asyncness fn #recompute #generics (#(#parameters),*) -> #output #clause {
                Self::#run #turbofish (#(#idents,)* true) #wait
            }
        }
    }

    fn questions_of_function(&self) -> TokenStream {
        let (krate, vis, memory) = (self.krate, &self.function.vis, &self.memory);
        let (function, code) = (self.hidden("function"), self.code_name());
        let [entries, clear, clear_stale] =
            ["entries", "clear", "clear_stale"].map(|what| self.public(what));
        quote! {
            /// All stored results of this function, those of its older code included.
            ///
            /// # Errors
            ///
            /// If the store cannot be listed.
            #vis fn #entries() -> #krate::Result<::std::vec::Vec<#krate::EntryInfo>> {
                let __memory: &#krate::Memory = #memory;
                __memory.entries_of(Self::#function())
            }

            /// Forgets all results of this function, those of its older code included.
            ///
            /// # Errors
            ///
            /// If the store cannot be listed or an entry cannot be deleted.
            #vis fn #clear() -> #krate::Result<()> {
                let __memory: &#krate::Memory = #memory;
                __memory.clear_function(Self::#function())
            }

            /// Forgets the results of older code of this function.
            ///
            /// # Errors
            ///
            /// If the store cannot be listed or an entry cannot be deleted.
            #vis fn #clear_stale() -> #krate::Result<#krate::Evicted> {
                let __memory: &#krate::Memory = #memory;
                __memory.clear_stale_of(Self::#function(), Self::#code)
            }
        }
    }

    fn asked(&self) -> TokenStream {
        let (krate, memory) = (self.krate, &self.memory);
        // Waiting would block the thread that has to finish the other computation.
        let may_wait = self.function.sig.asyncness.is_none();
        let (function, code) = (self.hidden("function"), self.code_name());
        let setters = &self.options.setters;
        let with = (!setters.is_empty())
            .then(|| quote!(.with(|__options: #krate::__private::Options| __options #setters)));
        quote! {
            #krate::__private::Asked::new(#memory, Self::#function(), Self::#code, #may_wait) #with
        }
    }

    fn digest_call(&self) -> TokenStream {
        let (turbofish, digest) = (&self.turbofish, self.hidden("digest"));
        let counted = self.arguments.iter().filter(|a| !a.ignored).map(|a| &a.ident);
        quote!(Self::#digest #turbofish (__empty, #(&#counted),*))
    }

    /// The arguments for people, noted before the call consumes them.
    fn described(&self) -> TokenStream {
        let notes = self.notes();
        quote!(__pending.describe(|| #notes); __pending.start();)
    }

    fn notes(&self) -> TokenStream {
        let krate = self.krate;
        let counted: Vec<_> = self.arguments.iter().filter(|a| !a.ignored).collect();
        let names = counted.iter().map(|a| a.name());
        let values = counted.iter().map(|a| a.counted());
        quote!(#krate::__private::Notes::new() #(.argument(#names, #values))*)
    }

    /// Refuses a `Result` behind another name, whose errors would be stored.
    fn check_output(&self) -> TokenStream {
        if self.is_result || self.options.cache_errors {
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
        self.arguments.iter().map(|argument| argument.parameter.clone()).collect()
    }

    fn idents(&self) -> Vec<&Ident> {
        self.arguments.iter().map(|a| &a.ident).collect()
    }

    fn wait(&self) -> TokenStream {
        if self.function.sig.asyncness.is_some() { quote!(.await) } else { TokenStream::new() }
    }
}

/// The name of a type as a component of a path: without its parameters, which count on their own.
fn type_name(ty: &Type) -> String {
    match ty {
        Type::Path(path) => {
            path.path.segments.last().map_or_else(String::new, |last| signature::plain(&last.ident))
        }
        other => other.to_token_stream().to_string(),
    }
}
