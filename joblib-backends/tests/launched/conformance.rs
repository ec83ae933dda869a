use joblib_backends::backend_conformance;

backend_conformance!(one, crate::launched(1));
backend_conformance!(two, crate::launched(2));
