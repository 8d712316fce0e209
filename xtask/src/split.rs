//! Cuts one WebAssembly module into two that share a memory: what is needed at once, and what can come later.
//!
//! The second module holds every function that only one export of the first can reach. It imports all that it has in common with
//! the first (functions, globals, table, memory) from it, by the name [`FIRST`]. Data and tables stay in the first.

use std::collections::{BTreeMap, BTreeSet};

use walrus::ir::{Visitor, VisitorMut, dfs_in_order, dfs_pre_order_mut};
use walrus::{ElementItems, ExportItem, FunctionId, FunctionKind, GlobalId, MemoryId, Module, ModuleConfig, TableId};

use crate::failure::{Failure, Result};

/// The name under which the second module imports from the first.
pub(crate) const FIRST: &str = "m";

/// The two modules.
pub(crate) struct Halves {
    pub(crate) first: Vec<u8>,
    pub(crate) second: Vec<u8>,
}

/// Cuts a module; `entry` is the export that leads to the second.
///
/// # Errors
/// The module cannot be read, has no such export, or does what is not known here.
pub(crate) fn split(wasm: &[u8], entry: &str) -> Result<Halves> {
    let (mut first, mut second) = (read(wasm)?, read(wasm)?);
    let plan = Plan::of(&first, entry)?;

    let exported = first.exports.iter().find(|export| export.name == entry).map(walrus::Export::id);
    exported.into_iter().for_each(|id| first.exports.delete(id));
    let names = plan.export(&mut first);
    walrus::passes::gc::run(&mut first);

    plan.detach(&mut second, entry, &names)?;
    walrus::passes::gc::run(&mut second);
    Ok(Halves { first: first.emit_wasm(), second: second.emit_wasm() })
}

fn read(wasm: &[u8]) -> Result<Module> {
    let mut config = ModuleConfig::new();
    config.generate_name_section(false).generate_producers_section(false);
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
}

impl Plan {
    fn of(module: &Module, entry: &str) -> Result<Self> {
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
        for element in module.elements.iter() {
            let ElementItems::Functions(functions) = &element.items else {
                return Err(Failure::new("the module's table has expressions, which nobody taught the cut"));
            };
            roots.extend(functions.iter().map(|id| places.function(*id)));
        }
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
        let used = later.iter().flat_map(|place| uses[*place].iter().copied());
        let shared = used.filter(|used| !matches!(used, Shared::Function(place) if later.contains(place))).collect();
        Ok(Self { later, shared })
    }

    /// Exports what is shared, and returns the names.
    fn export(&self, module: &mut Module) -> BTreeMap<Shared, String> {
        let places = Places::of(module);
        let mut names = BTreeMap::new();
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
            let name = if let Some(known) = known {
                known.name.clone()
            } else {
                let name = crate::glue::short_name(number);
                module.exports.add(&name, item);
                name
            };
            names.insert(*shared, name);
        }
        names
    }

    /// Makes the second module of a copy of the original: what is shared comes from the first.
    fn detach(&self, module: &mut Module, entry: &str, names: &BTreeMap<Shared, String>) -> Result<()> {
        let places = Places::of(module);
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
                    let (wide, initial, maximum, ty) = (table.table64, table.initial, table.maximum, table.element_ty);
                    moved.tables.insert(id, module.add_import_table(FIRST, name, wide, initial, maximum, ty).0);
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
        let data: Vec<_> = module.data.iter().map(walrus::Data::id).collect();
        data.into_iter().for_each(|id| module.data.delete(id));
        let elements: Vec<_> = module.elements.iter().map(walrus::Element::id).collect();
        for id in elements {
            module.elements.delete(id);
        }
        for table in module.tables.iter_mut() {
            table.elem_segments.clear();
        }
        for memory in module.memories.iter_mut() {
            memory.data_segments.clear();
        }
        Ok(())
    }
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

    /// A module of five functions: `now` calls `common`, `later` calls `common`, `alone` and what the page gave.
    fn module() -> Vec<u8> {
        let mut module = Module::default();
        let memory = module.memories.add_local(false, false, 1, None, None);
        module.exports.add("memory", memory);
        let none = module.types.add(&[], &[]);
        let (given, _) = module.add_import_func("page", "given", none);
        let global =
            module.globals.add_local(ValType::I32, true, false, walrus::ConstExpr::Value(walrus::ir::Value::I32(7)));
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
        let alone = function(&[], &mut module, false);
        let now = function(&[common], &mut module, false);
        let later = function(&[common, alone, given], &mut module, true);
        module.exports.add("now", now);
        module.exports.add("later", later);
        module.emit_wasm()
    }

    fn exports(module: &Module) -> Vec<&str> {
        module.exports.iter().map(|export| export.name.as_str()).collect()
    }

    #[test]
    fn what_only_the_entry_reaches_comes_later() {
        let halves = split(&module(), "later").unwrap();
        let (first, second) = (read(&halves.first).unwrap(), read(&halves.second).unwrap());
        assert_eq!(first.funcs.iter_local().count(), 2, "now and common");
        assert_eq!(second.funcs.iter_local().count(), 2, "later and alone");
        assert_eq!(exports(&second), ["later"]);
        assert!(!exports(&first).contains(&"later") && exports(&first).contains(&"now"));
    }

    #[test]
    fn what_both_need_is_imported_from_the_first_by_a_name_that_it_exports() {
        let halves = split(&module(), "later").unwrap();
        let (first, second) = (read(&halves.first).unwrap(), read(&halves.second).unwrap());
        // The common function, the page's own, and the global.
        assert_eq!(second.imports.iter().count(), 3);
        for import in second.imports.iter() {
            assert_eq!(import.module, FIRST);
            assert!(exports(&first).contains(&import.name.as_str()), "{}", import.name);
        }
    }

    #[test]
    fn a_module_without_the_entry_is_an_error() {
        assert!(split(&module(), "elsewhere").is_err());
    }
}
