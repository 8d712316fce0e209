//! Cuts one WebAssembly module into two that share a memory: what is needed at once, and what can come later.
//!
//! The second module holds every function that only one export of the first can reach, with the constants and the places in the
//! table that are theirs alone. It imports all that it has in common with the first (functions, globals, table, memory) from it, by
//! the name [`FIRST`], and what only it needs of the page by the name [`PAGE`].

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use walrus::ir::{Value, Visitor, VisitorMut, dfs_in_order, dfs_pre_order_mut};
use walrus::{
    ConstExpr, DataKind, ElementItems, ElementKind, ExportItem, FunctionId, FunctionKind, GlobalId, MemoryId, Module,
    ModuleConfig, RefType, TableId,
};

use crate::build::Names;
use crate::constants::Apart;
use crate::failure::{Failure, Result};

/// The name under which the second module imports from the first.
pub(crate) const FIRST: &str = "m";
/// The name under which the second module imports what only it needs of the page.
pub(crate) const PAGE: &str = "p";

/// The name under which the first exports its table.
pub(crate) const TABLE: &str = "t";

/// The two modules.
pub(crate) struct Halves {
    pub(crate) first: Vec<u8>,
    pub(crate) second: Vec<u8>,
    /// What only the second needs of the page.
    pub(crate) page: Vec<String>,
}

/// Cuts a module; `entry` is the export that leads to the second, `apart` what the linker knows to be read by that alone.
///
/// # Errors
/// The module cannot be read, has no such export, or does what is not known here.
pub(crate) fn split(wasm: &[u8], entry: &str, apart: &Apart, names: Names) -> Result<Halves> {
    let (mut first, mut second) = (read(wasm, names)?, read(wasm, names)?);
    let plan = Plan::of(&first, entry, apart)?;

    let exported = first.exports.iter().find(|export| export.name == entry).map(walrus::Export::id);
    exported.into_iter().for_each(|id| first.exports.delete(id));
    let shared = plan.export(&mut first)?;
    plan.leave_out(&mut first, apart)?;
    walrus::passes::gc::run(&mut first);

    let page = plan.detach(&mut second, entry, &shared, apart)?;
    walrus::passes::gc::run(&mut second);
    Ok(Halves { first: first.emit_wasm(), second: second.emit_wasm(), page })
}

fn read(wasm: &[u8], names: Names) -> Result<Module> {
    let mut config = ModuleConfig::new();
    config.generate_name_section(names == Names::Kept).generate_producers_section(false);
    config.parse(wasm).map_err(|error| Failure::new(format!("a module that was just made cannot be read: {error:#}")))
}

/// Something that both modules need, by its place among its kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Shared {
    Function(usize),
    Global(usize),
    Table(usize),
    Memory(usize),
}

/// What goes where, by the places of the original module: ids are of one copy only.
struct Plan {
    /// The functions that only the entry reaches.
    later: BTreeSet<usize>,
    /// What they use and do not own.
    shared: BTreeSet<Shared>,
    /// The functions of the page that only they use, and that can come with them.
    page: BTreeSet<usize>,
}

impl Plan {
    fn of(module: &Module, entry: &str, apart: &Apart) -> Result<Self> {
        let places = Places::of(module);
        let uses: Vec<BTreeSet<Shared>> = module.funcs.iter().map(|function| places.uses(&function.kind)).collect();
        let mut roots = Vec::new();
        let mut has_entry = false;
        for export in module.exports.iter() {
            has_entry |= export.name == entry;
            if let ExportItem::Function(id) = export.item
                && export.name != entry
            {
                roots.push(places.function(id));
            }
        }
        if !has_entry {
            return Err(Failure::new(format!("the module has no export `{entry}` to cut at")));
        }
        roots.extend(module.start.map(|id| places.function(id)));
        // Whoever calls through the table may call any of these.
        let slots = slots(module)?;
        roots.extend(slots.iter().filter(|(slot, _)| !apart.slots.contains(slot)).map(|(_, id)| places.function(*id)));
        let mut now = BTreeSet::new();
        while let Some(root) = roots.pop() {
            if now.insert(root) {
                roots.extend(uses[root].iter().filter_map(|used| match used {
                    Shared::Function(place) => Some(*place),
                    Shared::Global(_) | Shared::Table(_) | Shared::Memory(_) => None,
                }));
            }
        }
        let is_later =
            |place: &usize, kind: &FunctionKind| !now.contains(place) && matches!(kind, FunctionKind::Local(_));
        let later: BTreeSet<usize> = module
            .funcs
            .iter()
            .enumerate()
            .filter_map(|(place, function)| is_later(&place, &function.kind).then_some(place))
            .collect();
        let (mut shared, mut page) = (BTreeSet::new(), BTreeSet::new());
        for used in later.iter().flat_map(|place| uses[*place].iter().copied()) {
            match used {
                Shared::Function(place) if later.contains(&place) => {}
                Shared::Function(place) if !now.contains(&place) => {
                    page.insert(place);
                }
                Shared::Function(_) | Shared::Global(_) | Shared::Table(_) | Shared::Memory(_) => {
                    shared.insert(used);
                }
            }
        }
        if slots.iter().any(|(_, id)| later.contains(&places.function(*id))) {
            shared.insert(Shared::Table(0));
        }
        if !apart.addresses.is_empty() {
            shared.insert(Shared::Memory(0));
        }
        Ok(Self { later, shared, page })
    }

    /// Makes what is shared reachable, and returns the names: functions stand in the table, and are called by their place there, since
    /// an entry of the table is half as large as an export.
    fn export(&self, module: &mut Module) -> Result<BTreeMap<Shared, String>> {
        let places = Places::of(module);
        let slots = slots(module)?;
        let mut names = BTreeMap::new();
        let mut functions = Vec::new();
        let table = places.tables.first().copied();
        let table = table.unwrap_or_else(|| module.tables.add_local(false, 0, None, RefType::FUNCREF));
        let first_slot = module.tables.get(table).initial;
        for (number, shared) in self.shared.iter().enumerate() {
            let exports = &module.exports;
            let (known, item): (_, ExportItem) = match *shared {
                Shared::Function(place) => {
                    let id = places.functions[place];
                    (exports.get_exported_func(id), id.into())
                }
                Shared::Global(place) => {
                    let id = places.globals[place];
                    (exports.get_exported_global(id), id.into())
                }
                Shared::Table(place) => {
                    let id = places.tables[place];
                    (exports.get_exported_table(id), id.into())
                }
                Shared::Memory(place) => {
                    let id = places.memories[place];
                    (exports.get_exported_memory(id), id.into())
                }
            };
            let name = match (known, item) {
                (Some(known), _) => known.name.clone(),
                (None, ExportItem::Function(id)) => match slots.iter().find(|(_, known)| *known == id) {
                    Some((slot, _)) => slot.to_string(),
                    None => {
                        functions.push(id);
                        (first_slot + functions.len() as u64 - 1).to_string()
                    }
                },
                (None, ExportItem::Table(_)) => TABLE.into(),
                (None, ExportItem::Global(_) | ExportItem::Memory(_) | ExportItem::Tag(_)) => {
                    let name = crate::glue::short_name(number);
                    module.exports.add(&name, item);
                    name
                }
            };
            names.insert(*shared, name);
        }
        if module.exports.get_exported_table(table).is_none() {
            module.exports.add(TABLE, table);
        }
        let size = first_slot + functions.len() as u64;
        let entry = module.tables.get_mut(table);
        (entry.initial, entry.maximum) = (size, Some(size));
        if !functions.is_empty() {
            put(module, table, first_slot as u32, functions);
        }
        Ok(names)
    }

    /// Takes what only the second module needs out of the first: the zeros that stay cost nothing.
    fn leave_out(&self, module: &mut Module, apart: &Apart) -> Result<()> {
        let places = Places::of(module);
        let slots = slots(module)?;
        let table = places.tables.first().copied();
        clear_table(module);
        let stays = |id: &FunctionId| !self.later.contains(&places.function(*id));
        for run in runs(slots.into_iter().filter(|(_, id)| stays(id))) {
            table.into_iter().for_each(|table| put(module, table, run.0, run.1.clone()));
        }
        let data: Vec<_> = module.data.iter().map(walrus::Data::id).collect();
        for id in data {
            let data = module.data.get_mut(id);
            // Binaryen gives the parts of a segment that has one the same name.
            data.name = None;
            for range in &apart.addresses {
                let part = part(data, range);
                data.value[part].fill(0);
            }
        }
        Ok(())
    }

    /// Makes the second module of a copy of the original: what is shared comes from the first.
    /// Returns the names of what only it needs of the page.
    fn detach(
        &self,
        module: &mut Module,
        entry: &str,
        names: &BTreeMap<Shared, String>,
        apart: &Apart,
    ) -> Result<Vec<String>> {
        let places = Places::of(module);
        let slots = slots(module)?;
        let mut moved = Moved::default();
        for (shared, name) in names {
            match *shared {
                Shared::Function(place) => {
                    let id = places.functions[place];
                    let ty = module.funcs.get(id).ty();
                    moved.functions.insert(id, module.add_import_func(FIRST, name, ty).0);
                }
                Shared::Global(place) => {
                    let id = places.globals[place];
                    let global = module.globals.get(id);
                    let (ty, mutable, shared) = (global.ty, global.mutable, global.shared);
                    moved.globals.insert(id, module.add_import_global(FIRST, name, ty, mutable, shared).0);
                }
                Shared::Table(place) => {
                    let id = places.tables[place];
                    let table = module.tables.get(id);
                    // The first has made it larger, for what is shared.
                    let (wide, initial, ty) = (table.table64, table.initial, table.element_ty);
                    moved.tables.insert(id, module.add_import_table(FIRST, name, wide, initial, None, ty).0);
                }
                Shared::Memory(place) => {
                    let id = places.memories[place];
                    let memory = module.memories.get(id);
                    // At least what the first begins with: it may have grown by then.
                    let (shared, wide, initial) = (memory.shared, memory.memory64, memory.initial);
                    let (maximum, page) = (memory.maximum, memory.page_size_log2);
                    let (new, _) = module.add_import_memory(FIRST, name, shared, wide, initial, maximum, page);
                    moved.memories.insert(id, new);
                }
            }
        }
        for place in &self.later {
            if let FunctionKind::Local(function) = &mut module.funcs.get_mut(places.functions[*place]).kind {
                let start = function.entry_block();
                dfs_pre_order_mut(&mut moved, function, start);
            }
        }
        if moved.is_strange {
            return Err(Failure::new("the module copies passive segments, which nobody taught the cut"));
        }
        module.start = None;
        let others: Vec<_> =
            module.exports.iter().filter(|export| export.name != entry).map(walrus::Export::id).collect();
        others.into_iter().for_each(|id| module.exports.delete(id));
        clear_table(module);
        let moves = |id: &FunctionId| self.later.contains(&places.function(*id));
        for run in runs(slots.into_iter().filter(|(_, id)| moves(id))) {
            moved.tables.values().next().into_iter().for_each(|table| put(module, *table, run.0, run.1.clone()));
        }
        let mut constants = Vec::new();
        for data in module.data.iter() {
            for range in &apart.addresses {
                let part = part(data, range);
                if !part.is_empty() {
                    constants.push((address(data) + part.start as u32, data.value[part].to_vec()));
                }
            }
        }
        let data: Vec<_> = module.data.iter().map(walrus::Data::id).collect();
        data.into_iter().for_each(|id| module.data.delete(id));
        for memory in module.memories.iter_mut() {
            memory.data_segments.clear();
        }
        if let Some(&memory) = moved.memories.values().next() {
            for (address, value) in constants {
                let offset = ConstExpr::Value(Value::I32(address.cast_signed()));
                let id = module.data.add(DataKind::Active { memory, offset }, value);
                module.memories.get_mut(memory).data_segments.insert(id);
            }
        }
        let mut page = Vec::new();
        for place in &self.page {
            if let FunctionKind::Import(function) = &module.funcs.get(places.functions[*place]).kind {
                let import = module.imports.get_mut(function.import);
                import.module = PAGE.into();
                page.push(import.name.clone());
            }
        }
        Ok(page)
    }
}

/// Returns what stands in a module's table.
fn slots(module: &Module) -> Result<Vec<(u32, FunctionId)>> {
    let mut slots = Vec::new();
    for element in module.elements.iter() {
        match (&element.kind, &element.items) {
            (
                ElementKind::Active { offset: ConstExpr::Value(Value::I32(first)), .. },
                ElementItems::Functions(functions),
            ) => slots.extend((first.cast_unsigned()..).zip(functions.iter().copied())),
            _ => return Err(Failure::new("the module's table has expressions, which nobody taught the cut")),
        }
    }
    Ok(slots)
}

/// Brings what stands side by side together.
fn runs(slots: impl Iterator<Item = (u32, FunctionId)>) -> Vec<(u32, Vec<FunctionId>)> {
    let mut runs: Vec<(u32, Vec<FunctionId>)> = Vec::new();
    for (slot, id) in slots {
        match runs.last_mut() {
            Some((first, functions)) if *first + functions.len() as u32 == slot => functions.push(id),
            _ => runs.push((slot, vec![id])),
        }
    }
    runs
}

fn clear_table(module: &mut Module) {
    let elements: Vec<_> = module.elements.iter().map(walrus::Element::id).collect();
    elements.into_iter().for_each(|id| module.elements.delete(id));
    for table in module.tables.iter_mut() {
        table.elem_segments.clear();
    }
}

/// Puts functions into a table.
fn put(module: &mut Module, table: TableId, first: u32, functions: Vec<FunctionId>) {
    let offset = ConstExpr::Value(Value::I32(first.cast_signed()));
    let id = module.elements.add(ElementKind::Active { table, offset }, ElementItems::Functions(functions));
    module.tables.get_mut(table).elem_segments.insert(id);
}

/// Returns where a segment begins.
fn address(data: &walrus::Data) -> u32 {
    match data.kind {
        DataKind::Active { offset: ConstExpr::Value(Value::I32(start)), .. } => start.cast_unsigned(),
        DataKind::Active { .. } | DataKind::Passive => u32::MAX,
    }
}

/// Returns which part of a segment these addresses are.
fn part(data: &walrus::Data, addresses: &Range<u32>) -> Range<usize> {
    let start = address(data);
    let place = |address: u32| (address.saturating_sub(start) as usize).min(data.value.len());
    place(addresses.start)..place(addresses.end)
}

/// The ids of one copy in their order.
struct Places {
    functions: Vec<FunctionId>,
    globals: Vec<GlobalId>,
    tables: Vec<TableId>,
    memories: Vec<MemoryId>,
    by_function: BTreeMap<FunctionId, usize>,
}

impl Places {
    fn of(module: &Module) -> Self {
        let functions: Vec<_> = module.funcs.iter().map(walrus::Function::id).collect();
        Self {
            by_function: functions.iter().enumerate().map(|(place, id)| (*id, place)).collect(),
            functions,
            globals: module.globals.iter().map(walrus::Global::id).collect(),
            tables: module.tables.iter().map(walrus::Table::id).collect(),
            memories: module.memories.iter().map(walrus::Memory::id).collect(),
        }
    }

    fn function(&self, id: FunctionId) -> usize {
        self.by_function[&id]
    }

    fn uses(&self, kind: &FunctionKind) -> BTreeSet<Shared> {
        let mut used = Used { places: self, found: BTreeSet::new() };
        if let FunctionKind::Local(function) = kind {
            dfs_in_order(&mut used, function, function.entry_block());
        }
        used.found
    }
}

/// Collects what a function uses.
struct Used<'a> {
    places: &'a Places,
    found: BTreeSet<Shared>,
}

fn place<T: PartialEq>(all: &[T], id: &T) -> usize {
    all.iter().position(|known| known == id).expect("an id of this module")
}

impl<'instr> Visitor<'instr> for Used<'_> {
    fn visit_function_id(&mut self, id: &FunctionId) {
        self.found.insert(Shared::Function(self.places.function(*id)));
    }

    fn visit_global_id(&mut self, id: &GlobalId) {
        self.found.insert(Shared::Global(place(&self.places.globals, id)));
    }

    fn visit_table_id(&mut self, id: &TableId) {
        self.found.insert(Shared::Table(place(&self.places.tables, id)));
    }

    fn visit_memory_id(&mut self, id: &MemoryId) {
        self.found.insert(Shared::Memory(place(&self.places.memories, id)));
    }
}

/// Puts the imported in place of the owned.
#[derive(Default)]
struct Moved {
    functions: BTreeMap<FunctionId, FunctionId>,
    globals: BTreeMap<GlobalId, GlobalId>,
    tables: BTreeMap<TableId, TableId>,
    memories: BTreeMap<MemoryId, MemoryId>,
    is_strange: bool,
}

fn replace<T: Ord + Copy>(all: &BTreeMap<T, T>, id: &mut T) {
    if let Some(new) = all.get(id) {
        *id = *new;
    }
}

impl VisitorMut for Moved {
    fn visit_function_id_mut(&mut self, id: &mut FunctionId) {
        replace(&self.functions, id);
    }

    fn visit_global_id_mut(&mut self, id: &mut GlobalId) {
        replace(&self.globals, id);
    }

    fn visit_table_id_mut(&mut self, id: &mut TableId) {
        replace(&self.tables, id);
    }

    fn visit_memory_id_mut(&mut self, id: &mut MemoryId) {
        replace(&self.memories, id);
    }

    fn visit_data_id_mut(&mut self, _: &mut walrus::DataId) {
        self.is_strange = true;
    }

    fn visit_element_id_mut(&mut self, _: &mut walrus::ElementId) {
        self.is_strange = true;
    }
}

#[cfg(test)]
mod tests {
    use walrus::{FunctionBuilder, ValType};

    use super::*;

    /// A module of six functions: `now` calls `common`, `later` calls `common`, `alone` and what the page gave; `common` and `called` stand
    /// in the table, `called` for `later` alone; so do the constants from 8 to 12.
    fn module() -> Vec<u8> {
        let mut module = Module::default();
        let memory = module.memories.add_local(false, false, 1, None, None);
        module.exports.add("memory", memory);
        let none = module.types.add(&[], &[]);
        let (given, _) = module.add_import_func("page", "given", none);
        let global = module.globals.add_local(ValType::I32, true, false, ConstExpr::Value(Value::I32(7)));
        let function = |calls: &[FunctionId], module: &mut Module, touches_global: bool| {
            let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
            let mut body = builder.func_body();
            for id in calls {
                body.call(*id);
            }
            if touches_global {
                body.global_get(global).global_set(global);
            }
            builder.finish(Vec::new(), &mut module.funcs)
        };
        let common = function(&[], &mut module, true);
        let called = function(&[], &mut module, false);
        let alone = function(&[], &mut module, false);
        let now = function(&[common], &mut module, false);
        let later = function(&[common, alone, given], &mut module, true);
        module.exports.add("now", now);
        module.exports.add("later", later);
        let table = module.tables.add_local(false, 3, Some(3), RefType::FUNCREF);
        put(&mut module, table, 1, vec![common, called]);
        let offset = ConstExpr::Value(Value::I32(4));
        let data = module.data.add(DataKind::Active { memory, offset }, b"abcdefghijkl".to_vec());
        module.memories.get_mut(memory).data_segments.insert(data);
        module.emit_wasm()
    }

    fn halves() -> (Module, Module, Vec<String>) {
        let apart = Apart { addresses: std::iter::once(8..12).collect(), slots: [2].into() };
        let halves = split(&module(), "later", &apart, Names::Dropped).unwrap();
        let read = |wasm: &[u8]| read(wasm, Names::Dropped).unwrap();
        (read(&halves.first), read(&halves.second), halves.page)
    }

    fn exports(module: &Module) -> Vec<&str> {
        module.exports.iter().map(|export| export.name.as_str()).collect()
    }

    fn constants(module: &Module) -> Vec<(u32, &[u8])> {
        module.data.iter().map(|data| (address(data), &data.value[..])).collect()
    }

    #[test]
    fn what_only_the_entry_reaches_comes_later() {
        let (first, second, _) = halves();
        assert_eq!(first.funcs.iter_local().count(), 2, "now and common");
        assert_eq!(second.funcs.iter_local().count(), 3, "later, alone and called");
        assert_eq!(exports(&second), ["later"]);
        assert!(!exports(&first).contains(&"later") && exports(&first).contains(&"now"));
    }

    #[test]
    fn what_both_need_is_imported_from_the_first_by_an_export_or_a_place_in_its_table() {
        let (first, second, _) = halves();
        let taken: Vec<_> = second.imports.iter().filter(|import| import.module == FIRST).collect();
        // The common function, the global, the table and the memory.
        assert_eq!(taken.len(), 4);
        let slots = slots(&first).unwrap();
        for import in taken {
            let is_slot = slots.iter().any(|(slot, _)| slot.to_string() == import.name);
            assert_ne!(is_slot, exports(&first).contains(&import.name.as_str()), "{}", import.name);
        }
        assert!(exports(&first).contains(&TABLE));
    }

    #[test]
    fn what_the_page_gives_to_the_second_alone_does_not_go_through_the_first() {
        let (first, second, page) = halves();
        assert_eq!(page, ["given"]);
        assert_eq!(second.imports.iter().filter(|import| import.module == PAGE).count(), 1);
        assert_eq!(first.imports.iter().count(), 0);
    }

    #[test]
    fn the_constants_and_the_places_of_the_second_come_with_it() {
        let (first, second, _) = halves();
        assert_eq!(constants(&first), [(4, &b"abcd\0\0\0\0ijkl"[..])]);
        assert_eq!(constants(&second), [(8, &b"efgh"[..])]);
        let places = |module| slots(module).unwrap().into_iter().map(|(slot, _)| slot).collect::<Vec<_>>();
        assert_eq!((places(&first), places(&second)), (vec![1], vec![2]));
    }

    #[test]
    fn a_module_without_the_entry_is_an_error() {
        assert!(split(&module(), "elsewhere", &Apart::default(), Names::Dropped).is_err());
    }
}
