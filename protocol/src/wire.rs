//! How a type of the wire is declared: once, for serde and for the small JSON of pages.

/// Says whether serde leaves out a field that may be left out.
pub(crate) fn is_absent<T: crate::json::ToJson>(value: &T) -> bool {
    value.is_absent()
}

/// Declares an object of the wire.
///
/// A field may be marked `[default]`: where it is missing, its default is read; or `[optional]`: besides, it is not written
/// where it has nothing to say.
macro_rules! wire {
    // Fields are taken one by one, each with the attributes that its mark means for serde.
    (@fields [$($head:tt)*] { $($done:tt)* } { $($plan:tt)* }
        $(#[$meta:meta])* pub $field:ident: $type:ty, $($rest:tt)*) => {
        wire! { @fields [$($head)*] { $($done)* $(#[$meta])* pub $field: $type, }
            { $($plan)* ($field required) } $($rest)* }
    };
    (@fields [$($head:tt)*] { $($done:tt)* } { $($plan:tt)* }
        $(#[$meta:meta])* pub $field:ident: $type:ty [default], $($rest:tt)*) => {
        wire! { @fields [$($head)*] { $($done)* $(#[$meta])* #[serde(default)] pub $field: $type, }
            { $($plan)* ($field default) } $($rest)* }
    };
    (@fields [$($head:tt)*] { $($done:tt)* } { $($plan:tt)* }
        $(#[$meta:meta])* pub $field:ident: $type:ty [optional], $($rest:tt)*) => {
        wire! { @fields [$($head)*]
            { $($done)* $(#[$meta])* #[serde(default, skip_serializing_if = "crate::wire::is_absent")] pub $field: $type, }
            { $($plan)* ($field optional) } $($rest)* }
    };
    (@fields [$(#[$outer:meta])* pub struct $name:ident] { $($fields:tt)* } { $(($field:ident $mark:ident))* }) => {
        $(#[$outer])*
        #[derive(serde::Deserialize, serde::Serialize)]
        pub struct $name { $($fields)* }

        impl $crate::json::FromJson for $name {
            fn from_json(value: $crate::json::Value, fault: &mut $crate::json::Fault) -> Self {
                if let $crate::json::Value::Object(mut object) = value {
                    let read = Self::from_object(&mut object);
                    if object.fault() == $crate::json::Fault::None {
                        return read;
                    }
                }
                *fault = $crate::json::Fault::Found;
                Self::default()
            }
        }

        impl $name {
            pub(crate) fn from_object(object: &mut $crate::json::Object) -> Self {
                Self { $($field: object.field(stringify!($field), wire!(@need $mark)),)* }
            }

            pub(crate) fn write_fields(&self, out: &mut $crate::json::Writer) {
                $(wire!(@write self out $field $mark);)*
            }
        }

        impl $crate::json::ToJson for $name {
            fn to_json(&self, out: &mut $crate::json::Writer) {
                out.open('{');
                self.write_fields(out);
                out.close('}');
            }
        }
    };

    (@need required) => { $crate::json::Need::Required };
    (@need $mark:ident) => { $crate::json::Need::Optional };
    (@write $self:ident $out:ident $field:ident optional) => {
        if !$crate::json::ToJson::is_absent(&$self.$field) {
            $out.name(stringify!($field));
            $crate::json::ToJson::to_json(&$self.$field, $out);
        }
    };
    (@write $self:ident $out:ident $field:ident $mark:ident) => {
        $out.name(stringify!($field));
        $crate::json::ToJson::to_json(&$self.$field, $out);
    };

    ($(#[$outer:meta])* pub struct $name:ident { $($fields:tt)* }) => {
        wire! { @fields [$(#[$outer])* pub struct $name] {} {} $($fields)* }
    };
}
pub(crate) use wire;

/// Declares an enum whose variants are plain words on the wire.
macro_rules! words {
    ($(#[$outer:meta])* pub enum $name:ident { $($(#[$inner:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$outer])*
        #[derive(serde::Deserialize, serde::Serialize)]
        pub enum $name {
            $($(#[$inner])* #[serde(rename = $word)] $variant,)*
        }

        impl $crate::json::FromJson for $name {
            fn from_json(value: $crate::json::Value, fault: &mut $crate::json::Fault) -> Self {
                if let $crate::json::Value::Text(word) = value {
                    match word.as_str() {
                        $($word => return Self::$variant,)*
                        _ => {}
                    }
                }
                *fault = $crate::json::Fault::Found;
                Self::default()
            }
        }

        impl $crate::json::ToJson for $name {
            fn to_json(&self, out: &mut $crate::json::Writer) {
                out.text(match self { $(Self::$variant => $word,)* });
            }
        }
    };
}
pub(crate) use words;
