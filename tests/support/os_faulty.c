/*
 * An OS table that counts, keeps account, and fails on demand. The wrappers are in the order of
 * os.h.
 */
#include "support/os_faulty.h"

#include <assert.h>
#include <string.h>

static const char *const names[] = {
#define X(name) #name,
    OS_FAULTY_MAP(X)
#undef X
};

/* What a counted call has to do. */
struct verdict {
    bool fails;
    bool half;
    os_result result;
};

/* The callbacks get their table as const; this one has state. */
static struct os_faulty *self(const struct os *os)
{
    return (struct os_faulty *)(uintptr_t)os;
}

/* Count a call of `function` and decide about it. */
static struct verdict count(struct os_faulty *f, enum os_faulty_function function)
{
    struct verdict verdict = {false, false, {SLOT_OK, 0}};

    slot__os_mutex_lock(&f->mutex);
    f->calls++;
    f->calls_of[function]++;
    if (f->rule.left > 0 && (f->rule.only == OS_FAULTY_ANY || f->rule.only == function)) {
        if (f->rule.left == 1) {
            verdict.fails = true;
            verdict.half = (f->rule.how & OS_FAULTY_HALF) != 0;
            verdict.result = f->rule.result;
            f->failed++;
            f->failed_function = function;
        }
        if (f->rule.left > 1 || (f->rule.how & OS_FAULTY_FOREVER) == 0)
            f->rule.left--;
    }
    slot__os_mutex_unlock(&f->mutex);
    return verdict;
}

static os_result faulty_open(const struct os *os, struct os_dir *dir, const char *name, int flags,
                             struct os_file **file)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_open);
    os_result result;

    if (verdict.fails)
        return verdict.result;
    result = f->inner->open(f->inner, dir, name, flags, file);
    if (os_ok(result)) {
        slot__os_mutex_lock(&f->mutex);
        f->files++;
        slot__os_mutex_unlock(&f->mutex);
    }
    return result;
}

static void faulty_close(const struct os *os, struct os_file *file)
{
    struct os_faulty *f = self(os);

    slot__os_mutex_lock(&f->mutex);
    assert(f->files > 0);
    f->files--;
    for (size_t i = 0; i < OS_FAULTY_LOCKS_MAX; i++) {
        if (f->lock[i].file == file) {
            f->lock[i].file = NULL;
            f->locks--;
        }
    }
    slot__os_mutex_unlock(&f->mutex);
    f->inner->close(f->inner, file);
}

static os_result faulty_size(const struct os *os, struct os_file *file, uint64_t *size)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_size);

    return verdict.fails ? verdict.result : f->inner->size(f->inner, file, size);
}

static os_result faulty_resize(const struct os *os, struct os_file *file, uint64_t size)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_resize);

    return verdict.fails ? verdict.result : f->inner->resize(f->inner, file, size);
}

static os_result faulty_allocate(const struct os *os, struct os_file *file, uint64_t offset,
                                 uint64_t n)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_allocate);

    return verdict.fails ? verdict.result : f->inner->allocate(f->inner, file, offset, n);
}

static os_result faulty_read_at(const struct os *os, struct os_file *file, uint64_t offset,
                                void *buf, size_t n)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_read_at);

    if (verdict.fails && verdict.half)
        (void)f->inner->read_at(f->inner, file, offset, buf, n / 2);
    return verdict.fails ? verdict.result : f->inner->read_at(f->inner, file, offset, buf, n);
}

static os_result faulty_write_at(const struct os *os, struct os_file *file, uint64_t offset,
                                 const void *buf, size_t n)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_write_at);

    if (verdict.fails && verdict.half)
        (void)f->inner->write_at(f->inner, file, offset, buf, n / 2);
    return verdict.fails ? verdict.result : f->inner->write_at(f->inner, file, offset, buf, n);
}

static os_result faulty_sync(const struct os *os, struct os_file *file)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_sync);

    return verdict.fails ? verdict.result : f->inner->sync(f->inner, file);
}

static os_result faulty_keep(const struct os *os, struct os_file *file, bool keep)
{
    struct os_faulty *f = self(os);

    if (keep) {
        struct verdict verdict = count(f, OS_FAULTY_FN_keep);

        if (verdict.fails)
            return verdict.result;
    }
    return f->inner->keep(f->inner, file, keep);
}

static os_result faulty_intact(const struct os *os, struct os_file *file)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_intact);

    return verdict.fails ? verdict.result : f->inner->intact(f->inner, file);
}

static void faulty_start_writeback(const struct os *os, struct os_file *file, uint64_t offset,
                                   uint64_t n)
{
    const struct os *inner = self(os)->inner;

    inner->start_writeback(inner, file, offset, n);
}

static void faulty_advise(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n,
                          os_advice advice)
{
    const struct os *inner = self(os)->inner;

    inner->advise(inner, file, offset, n, advice);
}

static uint64_t faulty_next_data(const struct os *os, struct os_file *file, uint64_t offset)
{
    const struct os *inner = self(os)->inner;

    return inner->next_data(inner, file, offset);
}

static bool faulty_cached(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n)
{
    const struct os *inner = self(os)->inner;

    return inner->cached(inner, file, offset, n);
}

static os_result faulty_map(const struct os *os, struct os_file *file, uint64_t offset, size_t n,
                            os_map_mode mode, void **base)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_map);
    os_result result;

    if (verdict.fails)
        return verdict.result;
    result = f->inner->map(f->inner, file, offset, n, mode, base);
    if (os_ok(result)) {
        slot__os_mutex_lock(&f->mutex);
        f->views++;
        f->mapped_bytes += n;
        if (f->mapped_bytes > f->mapped_peak)
            f->mapped_peak = f->mapped_bytes;
        slot__os_mutex_unlock(&f->mutex);
    }
    return result;
}

static void faulty_unmap(const struct os *os, void *base, size_t n)
{
    struct os_faulty *f = self(os);

    slot__os_mutex_lock(&f->mutex);
    assert(f->views > 0 && f->mapped_bytes >= n);
    f->views--;
    f->mapped_bytes -= n;
    slot__os_mutex_unlock(&f->mutex);
    f->inner->unmap(f->inner, base, n);
}

static os_result faulty_flush(const struct os *os, void *address, size_t n)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_flush);

    return verdict.fails ? verdict.result : f->inner->flush(f->inner, address, n);
}

static bool faulty_views_apart(const struct os *os)
{
    const struct os *inner = self(os)->inner;

    return inner->views_apart(inner);
}

static os_result faulty_populate(const struct os *os, void *address, size_t n, bool for_write)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_populate);

    return verdict.fails ? verdict.result : f->inner->populate(f->inner, address, n, for_write);
}

static os_result faulty_protect(const struct os *os, void *address, size_t n, bool writable)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_protect);

    return verdict.fails ? verdict.result : f->inner->protect(f->inner, address, n, writable);
}

static void faulty_advise_view(const struct os *os, void *address, size_t n, os_advice advice)
{
    const struct os *inner = self(os)->inner;

    inner->advise_view(inner, address, n, advice);
}

/* The place of a live lock, or a free place when it has none; file NULL asks for the latter. */
static size_t lock_place(const struct os_faulty *f, const struct os_file *file, uint64_t byte)
{
    size_t i = 0;

    while (i < OS_FAULTY_LOCKS_MAX &&
           (f->lock[i].file != file || (file != NULL && f->lock[i].byte != byte)))
        i++;
    return i;
}

static void lock_taken(struct os_faulty *f, struct os_file *file, uint64_t byte)
{
    size_t place;

    slot__os_mutex_lock(&f->mutex);
    if (lock_place(f, file, byte) == OS_FAULTY_LOCKS_MAX) { /* not one that changes its kind */
        place = lock_place(f, NULL, 0);
        assert(place < OS_FAULTY_LOCKS_MAX);
        f->lock[place].file = file;
        f->lock[place].byte = byte;
        f->locks++;
    }
    slot__os_mutex_unlock(&f->mutex);
}

static os_result faulty_lock(const struct os *os, struct os_file *file, uint64_t byte,
                             bool exclusive)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_lock);
    os_result result;

    if (verdict.fails)
        return verdict.result;
    result = f->inner->lock(f->inner, file, byte, exclusive);
    if (os_ok(result))
        lock_taken(f, file, byte);
    return result;
}

static void faulty_unlock(const struct os *os, struct os_file *file, uint64_t byte)
{
    struct os_faulty *f = self(os);
    size_t place;

    slot__os_mutex_lock(&f->mutex);
    place = lock_place(f, file, byte);
    assert(place < OS_FAULTY_LOCKS_MAX); /* unlocked what was not locked */
    f->lock[place].file = NULL;
    f->locks--;
    slot__os_mutex_unlock(&f->mutex);
    f->inner->unlock(f->inner, file, byte);
}

static os_result faulty_held(const struct os *os, struct os_file *file, uint64_t byte, bool *held)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_held);

    return verdict.fails ? verdict.result : f->inner->held(f->inner, file, byte, held);
}

/* A lock that is taken stays one, whether this succeeds or fails. */
static os_result faulty_downgrade(const struct os *os, struct os_file *file, uint64_t byte)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_downgrade);

    slot__os_mutex_lock(&f->mutex);
    assert(lock_place(f, file, byte) < OS_FAULTY_LOCKS_MAX); /* downgraded what was not locked */
    slot__os_mutex_unlock(&f->mutex);
    return verdict.fails ? verdict.result : f->inner->downgrade(f->inner, file, byte);
}

static os_result faulty_open_dir(const struct os *os, struct os_dir *parent, const char *path,
                                 struct os_dir **dir)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_open_dir);
    os_result result;

    if (verdict.fails)
        return verdict.result;
    result = f->inner->open_dir(f->inner, parent, path, dir);
    if (os_ok(result)) {
        slot__os_mutex_lock(&f->mutex);
        f->dirs++;
        slot__os_mutex_unlock(&f->mutex);
    }
    return result;
}

static os_result faulty_split_path(const struct os *os, const char *path, char **parent,
                                   char **name)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_split_path);

    return verdict.fails ? verdict.result : f->inner->split_path(f->inner, path, parent, name);
}

static void faulty_close_dir(const struct os *os, struct os_dir *dir)
{
    struct os_faulty *f = self(os);

    slot__os_mutex_lock(&f->mutex);
    assert(f->dirs > 0);
    f->dirs--;
    slot__os_mutex_unlock(&f->mutex);
    f->inner->close_dir(f->inner, dir);
}

static os_result faulty_make_dir(const struct os *os, struct os_dir *dir, const char *name)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_make_dir);

    return verdict.fails ? verdict.result : f->inner->make_dir(f->inner, dir, name);
}

static os_result faulty_remove_dir(const struct os *os, struct os_dir *dir, const char *name)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_remove_dir);

    return verdict.fails ? verdict.result : f->inner->remove_dir(f->inner, dir, name);
}

static os_result faulty_remove_file(const struct os *os, struct os_dir *dir, const char *name)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_remove_file);

    return verdict.fails ? verdict.result : f->inner->remove_file(f->inner, dir, name);
}

static os_result faulty_rename_new(const struct os *os, struct os_dir *dir, const char *from,
                                   const char *to)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_rename_new);

    return verdict.fails ? verdict.result : f->inner->rename_new(f->inner, dir, from, to);
}

static os_result faulty_sync_dir(const struct os *os, struct os_dir *dir)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_sync_dir);

    return verdict.fails ? verdict.result : f->inner->sync_dir(f->inner, dir);
}

static os_result faulty_list(const struct os *os, struct os_dir *dir, os_name_fn fn, void *context)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_list);

    return verdict.fails ? verdict.result : f->inner->list(f->inner, dir, fn, context);
}

static os_result faulty_kind(const struct os *os, struct os_dir *dir, const char *name,
                             os_kind *kind)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_kind);

    return verdict.fails ? verdict.result : f->inner->kind(f->inner, dir, name, kind);
}

static os_result faulty_load(const struct os *os, void *to, const void *view, size_t n)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_load);

    if (verdict.fails && verdict.half)
        (void)f->inner->load(f->inner, to, view, n / 2);
    return verdict.fails ? verdict.result : f->inner->load(f->inner, to, view, n);
}

static os_result faulty_store(const struct os *os, void *view, const void *from, size_t n)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_store);

    if (verdict.fails && verdict.half)
        (void)f->inner->store(f->inner, view, from, n / 2);
    return verdict.fails ? verdict.result : f->inner->store(f->inner, view, from, n);
}

static void faulty_yield(const struct os *os, const char *where)
{
    const struct os *inner = self(os)->inner;

    inner->yield(inner, where);
}

static uint64_t faulty_clock_ms(const struct os *os)
{
    const struct os *inner = self(os)->inner;

    return inner->clock_ms(inner);
}

static void faulty_sleep_us(const struct os *os, uint32_t us)
{
    const struct os *inner = self(os)->inner;

    inner->sleep_us(inner, us);
}

static void faulty_park(const struct os *os, _Atomic uint32_t *word, uint32_t seen, uint32_t us)
{
    const struct os *inner = self(os)->inner;

    inner->park(inner, word, seen, us);
}

static void faulty_unpark(const struct os *os, _Atomic uint32_t *word)
{
    const struct os *inner = self(os)->inner;

    inner->unpark(inner, word);
}

static uint64_t faulty_process(const struct os *os)
{
    const struct os *inner = self(os)->inner;

    return inner->process(inner);
}

static void faulty_watch_forks(const struct os *os, struct os_fork_watch *watch)
{
    const struct os *inner = self(os)->inner;

    inner->watch_forks(inner, watch);
}

static void faulty_unwatch_forks(const struct os *os, struct os_fork_watch *watch)
{
    const struct os *inner = self(os)->inner;

    inner->unwatch_forks(inner, watch);
}

static uint64_t faulty_boot_id(const struct os *os)
{
    const struct os *inner = self(os)->inner;

    return inner->boot_id(inner);
}

static os_result faulty_random(const struct os *os, void *bytes, size_t n)
{
    struct os_faulty *f = self(os);
    struct verdict verdict = count(f, OS_FAULTY_FN_random);

    return verdict.fails ? verdict.result : f->inner->random(f->inner, bytes, n);
}

static const struct os table = {
    .open = faulty_open,
    .close = faulty_close,
    .size = faulty_size,
    .resize = faulty_resize,
    .allocate = faulty_allocate,
    .read_at = faulty_read_at,
    .write_at = faulty_write_at,
    .sync = faulty_sync,
    .intact = faulty_intact,
    .keep = faulty_keep,
    .start_writeback = faulty_start_writeback,
    .advise = faulty_advise,
    .next_data = faulty_next_data,
    .cached = faulty_cached,
    .map = faulty_map,
    .unmap = faulty_unmap,
    .flush = faulty_flush,
    .views_apart = faulty_views_apart,
    .populate = faulty_populate,
    .protect = faulty_protect,
    .advise_view = faulty_advise_view,
    .lock = faulty_lock,
    .unlock = faulty_unlock,
    .held = faulty_held,
    .downgrade = faulty_downgrade,
    .open_dir = faulty_open_dir,
    .split_path = faulty_split_path,
    .close_dir = faulty_close_dir,
    .make_dir = faulty_make_dir,
    .remove_dir = faulty_remove_dir,
    .remove_file = faulty_remove_file,
    .rename_new = faulty_rename_new,
    .sync_dir = faulty_sync_dir,
    .list = faulty_list,
    .kind = faulty_kind,
    .load = faulty_load,
    .store = faulty_store,
    .yield = faulty_yield,
    .clock_ms = faulty_clock_ms,
    .sleep_us = faulty_sleep_us,
    .park = faulty_park,
    .unpark = faulty_unpark,
    .process = faulty_process,
    .watch_forks = faulty_watch_forks,
    .unwatch_forks = faulty_unwatch_forks,
    .boot_id = faulty_boot_id,
    .random = faulty_random,
};

void os_faulty_init(struct os_faulty *faulty, const struct os *inner)
{
    memset(faulty, 0, sizeof *faulty);
    faulty->os = table;
    faulty->inner = inner;
    faulty->failed_function = OS_FAULTY_ANY;
    slot__os_mutex_init(&faulty->mutex);
}

void os_faulty_release(struct os_faulty *faulty)
{
    slot__os_mutex_release(&faulty->mutex);
}

static enum os_faulty_function by_name(const char *function)
{
    enum os_faulty_function i = 0;

    while (i < OS_FAULTY_FUNCTIONS && strcmp(names[i], function) != 0)
        i++;
    assert(i < OS_FAULTY_FUNCTIONS); /* a name that os.h has not, or that cannot fail */
    return i;
}

static void set_rule(struct os_faulty *faulty, enum os_faulty_function only, uint64_t nth, int how,
                     os_result result)
{
    assert(nth > 0 && !os_ok(result));
    slot__os_mutex_lock(&faulty->mutex);
    faulty->rule.only = only;
    faulty->rule.left = nth;
    faulty->rule.how = how;
    faulty->rule.result = result;
    slot__os_mutex_unlock(&faulty->mutex);
}

void os_faulty_fail(struct os_faulty *faulty, uint64_t nth, int how, slot_status status, int code)
{
    set_rule(faulty, OS_FAULTY_ANY, nth, how, (os_result){status, code});
}

void os_faulty_fail_only(struct os_faulty *faulty, const char *function, uint64_t nth, int how,
                         slot_status status, int code)
{
    set_rule(faulty, by_name(function), nth, how, (os_result){status, code});
}

void os_faulty_mend(struct os_faulty *faulty)
{
    slot__os_mutex_lock(&faulty->mutex);
    faulty->rule.left = 0;
    slot__os_mutex_unlock(&faulty->mutex);
}

uint64_t os_faulty_count(const struct os_faulty *faulty, const char *function)
{
    return faulty->calls_of[by_name(function)];
}

const char *os_faulty_failed_name(const struct os_faulty *faulty)
{
    return faulty->failed_function < OS_FAULTY_FUNCTIONS ? names[faulty->failed_function] : "";
}

bool os_faulty_is_clean(const struct os_faulty *faulty)
{
    return faulty->files == 0 && faulty->dirs == 0 && faulty->views == 0 &&
           faulty->mapped_bytes == 0 && faulty->locks == 0;
}
