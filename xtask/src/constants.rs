//! Finds the constants of a module that only one of its exports needs, so that they can come later, with the code that does.
//!
//! A finished module does not say which number in its code is an address. The linker knows: asked for it (`--emit-relocs`), it
//! leaves a list of every place that names a function or a constant.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use wasmparser::{
    BinaryReaderError, ConstExpr, DataKind, ElementItems, ElementKind, ExternalKind, KnownCustom, Linking, Operator,
    Parser, Payload, RelocationEntry, RelocationType, SymbolInfo, TypeRef,
};

use crate::failure::{Failure, Result};

/// Where the linker puts what never changes. What does change may have been written before the second module comes.
const CONSTANTS: &str = ".rodata";

/// What only one of the exports reads.
#[derive(Default)]
pub(crate) struct Apart {
    /// Addresses of constants.
    pub(crate) addresses: Vec<Range<u32>>,
    /// Places in the table of functions.
    pub(crate) slots: BTreeSet<u32>,
}

/// Looks for what nothing but this export reads, in a module that the linker has just made.
///
/// # Errors
/// The linker has left no such list, or one that is not known here.
pub(crate) fn apart(linked: &[u8], entry: &str) -> Result<Apart> {
    let linked = Linked::read(linked)
        .map_err(|error| Failure::new(format!("what the linker says of its module cannot be read: {error}")))?;
    if !linked.exports.iter().any(|(name, _)| is_entry(name, entry)) {
        return Err(Failure::new(format!("the linker exports no `{entry}`")));
    }
    if linked.constants.is_empty() || linked.names.is_empty() {
        return Err(Failure::new("the linker has left no list of who names what"));
    }
    Ok(linked.apart(entry))
}

/// Returns whether this is how the linker calls an export: wasm-bindgen takes the digits off.
fn is_entry(name: &str, entry: &str) -> bool {
    name.strip_prefix(entry)
        .and_then(|rest| rest.strip_prefix('_'))
        .is_some_and(|rest| u64::from_str_radix(rest, 16).is_ok())
}

/// What has a name in a module, and may name others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Thing {
    /// By its index.
    Function(u32),
    /// By its first and its last address but one.
    Constant(u32, u32),
}

/// What the linker says of a module.
#[derive(Default)]
struct Linked {
    exports: Vec<(String, u32)>,
    /// The constants that never change.
    constants: BTreeSet<Thing>,
    /// Who names what.
    names: BTreeMap<Thing, BTreeSet<Thing>>,
    /// What stands in the table.
    slots: Vec<(u32, u32)>,
}

impl Linked {
    fn read(bytes: &[u8]) -> std::result::Result<Self, BinaryReaderError> {
        let mut linked = Self::default();
        let mut file = File::default();
        for payload in Parser::new(0).parse_all(bytes) {
            file.take(payload?, &mut linked)?;
        }
        // Types are counted by themselves.
        let relocations = file.relocations.iter().filter(|(_, entry)| entry.ty != RelocationType::TypeIndexLeb);
        for (section, entry) in relocations {
            let place = file.sections.get(*section as usize).map_or(0, |start| start + entry.offset as usize);
            let target = file.symbols.get(entry.index as usize).and_then(|symbol| file.thing(symbol));
            if let Some((target, _)) = target {
                for source in file.at(place) {
                    linked.names.entry(source).or_default().insert(target);
                }
            }
        }
        let constants = file.symbols.iter().filter_map(|symbol| file.thing(symbol));
        linked.constants = constants.filter_map(|(thing, is_constant)| is_constant.then_some(thing)).collect();
        Ok(linked)
    }

    /// Returns what only the entry reaches.
    fn apart(&self, entry: &str) -> Apart {
        // The descriptions are for the tool that binds the module, which takes them out.
        let is_root = |name: &str| !is_entry(name, entry) && !name.starts_with("__wbindgen_describe");
        let roots = self.exports.iter().filter(|(name, _)| is_root(name));
        let mut roots: Vec<Thing> = roots.map(|(_, function)| Thing::Function(*function)).collect();
        let mut now = BTreeSet::new();
        while let Some(root) = roots.pop() {
            if now.insert(root) {
                roots.extend(self.names.get(&root).into_iter().flatten());
            }
        }
        let is_now = |function: u32| now.contains(&Thing::Function(function));
        let slots = self.slots.iter().filter(|(_, function)| !is_now(*function)).map(|(slot, _)| *slot).collect();
        let mut addresses: Vec<Range<u32>> = Vec::new();
        for constant in &self.constants {
            let Thing::Constant(start, end) = *constant else { continue };
            // One constant may lie within another.
            let is_shared = now.iter().any(|known| match *known {
                Thing::Constant(from, to) => from < end && start < to,
                Thing::Function(_) => false,
            });
            if is_shared {
                continue;
            }
            match addresses.last_mut() {
                Some(last) if last.end >= start => last.end = last.end.max(end),
                _ => addresses.push(start..end),
            }
        }
        Apart { addresses, slots }
    }
}

/// What is where in the file.
#[derive(Default)]
struct File<'a> {
    /// Where each section begins.
    sections: Vec<usize>,
    imported: u32,
    functions: Vec<Range<usize>>,
    /// Where each segment is, and its first address.
    segments: Vec<(Range<usize>, u32)>,
    segment_names: Vec<&'a str>,
    symbols: Vec<SymbolInfo<'a>>,
    /// Each with the number of its section.
    relocations: Vec<(u32, RelocationEntry)>,
}

impl<'a> File<'a> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "of all that a module may have, this is what is read")]
    fn take(&mut self, payload: Payload<'a>, linked: &mut Linked) -> std::result::Result<(), BinaryReaderError> {
        if let Some((_, range)) = payload.as_section() {
            self.sections.push(range.start);
        }
        match payload {
            Payload::ImportSection(reader) => {
                for import in reader.into_imports() {
                    self.imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::ExportSection(reader) => {
                for export in reader {
                    let export = export?;
                    if export.kind == ExternalKind::Func {
                        linked.exports.push((export.name.into(), export.index));
                    }
                }
            }
            Payload::ElementSection(reader) => {
                for element in reader {
                    let element = element?;
                    if let (ElementKind::Active { offset_expr, .. }, ElementItems::Functions(functions)) =
                        (element.kind, element.items)
                    {
                        let first = constant(&offset_expr)?;
                        for (place, function) in functions.into_iter().enumerate() {
                            linked.slots.push((first + place as u32, function?));
                        }
                    }
                }
            }
            Payload::CodeSectionEntry(body) => self.functions.push(body.range()),
            Payload::DataSection(reader) => {
                for segment in reader {
                    let segment = segment?;
                    let address = match &segment.kind {
                        DataKind::Active { offset_expr, .. } => constant(offset_expr)?,
                        DataKind::Passive => u32::MAX,
                    };
                    self.segments.push((segment.range.end - segment.data.len()..segment.range.end, address));
                }
            }
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Reloc(reader) => {
                    for entry in reader.entries() {
                        self.relocations.push((reader.section_index(), entry?));
                    }
                }
                KnownCustom::Linking(reader) => {
                    for part in reader.subsections() {
                        match part? {
                            Linking::SymbolTable(map) => {
                                self.symbols = map.into_iter().collect::<std::result::Result<_, _>>()?;
                            }
                            Linking::SegmentInfo(map) => {
                                for segment in map {
                                    self.segment_names.push(segment?.name);
                                }
                            }
                            Linking::InitFuncs(_) | Linking::ComdatInfo(_) | Linking::Unknown { .. } => {}
                        }
                    }
                }
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    /// Returns what a symbol stands for, and whether that is a constant which never changes.
    fn thing(&self, symbol: &SymbolInfo<'_>) -> Option<(Thing, bool)> {
        match symbol {
            SymbolInfo::Func { index, .. } => Some((Thing::Function(*index), false)),
            SymbolInfo::Data { symbol: Some(symbol), .. } if symbol.size > 0 => {
                let (_, address) = self.segments.get(symbol.index as usize)?;
                let is_constant = self.segment_names.get(symbol.index as usize) == Some(&CONSTANTS);
                let start = address + symbol.offset;
                Some((Thing::Constant(start, start + symbol.size), is_constant))
            }
            SymbolInfo::Data { .. }
            | SymbolInfo::Global { .. }
            | SymbolInfo::Section { .. }
            | SymbolInfo::Event { .. }
            | SymbolInfo::Table { .. } => None,
        }
    }

    /// Returns what stands at a place of the file.
    fn at(&self, place: usize) -> Vec<Thing> {
        if let Some(function) = self.functions.iter().position(|range| range.contains(&place)) {
            return vec![Thing::Function(self.imported + function as u32)];
        }
        let Some((range, address)) = self.segments.iter().find(|(range, _)| range.contains(&place)) else {
            return Vec::new();
        };
        let address = address + (place - range.start) as u32;
        let things = self.symbols.iter().filter_map(|symbol| self.thing(symbol)).map(|(thing, _)| thing);
        things
            .filter(|thing| matches!(thing, Thing::Constant(start, end) if (*start..*end).contains(&address)))
            .collect()
    }
}

/// Reads an expression that is a number.
#[expect(clippy::wildcard_enum_match_arm, reason = "there are hundreds of operators, and one is expected")]
fn constant(expression: &ConstExpr<'_>) -> std::result::Result<u32, BinaryReaderError> {
    Ok(match expression.get_operators_reader().read()? {
        Operator::I32Const { value } => value.cast_unsigned(),
        _ => u32::MAX,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `start` calls 1, which reads the constant at 100; `later` calls 2, which reads those at 100 and 110 and, by what stands at 120, that
    /// at 130 and function 3.
    fn linked() -> Linked {
        let constant = |start| Thing::Constant(start, start + 10);
        let names = [
            (Thing::Function(0), vec![Thing::Function(1)]),
            (Thing::Function(1), vec![constant(100)]),
            (Thing::Function(4), vec![Thing::Function(2)]),
            (Thing::Function(2), vec![constant(100), constant(110), constant(120)]),
            (constant(120), vec![constant(130), Thing::Function(3)]),
        ];
        Linked {
            exports: vec![("start_0".into(), 0), ("later_9f".into(), 4), ("__wbindgen_describe_later".into(), 4)],
            constants: [100, 110, 120, 130, 150].map(constant).into(),
            names: names.into_iter().map(|(thing, named)| (thing, named.into_iter().collect())).collect(),
            slots: vec![(1, 1), (2, 3)],
        }
    }

    #[test]
    fn what_only_the_entry_reaches_is_apart_and_so_is_what_nobody_does() {
        let apart = linked().apart("later");
        assert_eq!(apart.addresses, [110..140, 150..160]);
        assert_eq!(apart.slots.into_iter().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_constant_stays_when_one_that_is_read_at_once_lies_within_it() {
        let mut linked = linked();
        linked.names.get_mut(&Thing::Function(1)).unwrap().insert(Thing::Constant(112, 115));
        assert_eq!(linked.apart("later").addresses, [120..140, 150..160]);
    }

    #[test]
    fn a_module_without_a_list_is_an_error() {
        assert!(apart(&walrus::Module::default().emit_wasm(), "later").is_err());
    }
}
