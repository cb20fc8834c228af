//! Holds, at compile time, that secret types cannot be printed, copied or compared in variable time.

/// Fails to compile when the type implements the trait: two candidates make the name ambiguous.
macro_rules! never {
    ($($secret:ty),+ => $($forbidden:path),+) => {
        never!(@each [$($secret),+] $($forbidden),+);
    };
    (@each [$($secret:ty),+] $first:path $(, $rest:path)*) => {
        $(const _: fn() = || {
            trait Ambiguous<Mark> { fn here() {} }
            impl<T: ?Sized> Ambiguous<()> for T {}
            struct Implements;
            impl<T: ?Sized + $first> Ambiguous<Implements> for T {}
            let _ = <$secret as Ambiguous<_>>::here;
        };)+
        never!(@each [$($secret),+] $($rest),*);
    };
    (@each [$($secret:ty),+]) => {};
}

never!(
    crate::SecretBytes, crate::SecretText, crate::GeneratedSecret, crate::RsaPrivateKey, crate::Issued,
    crate::Authority, crate::ServerCertificate, crate::KeyPair, crate::LocalKey, crate::TotpSecret,
    crate::SealingKey, crate::JoseKey
    => std::fmt::Debug, std::fmt::Display, Clone, PartialEq
);
never!(crate::StoredSecret, crate::StoredPassword => std::fmt::Debug, std::fmt::Display);
