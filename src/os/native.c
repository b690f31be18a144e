/*
 * The native table: one for both twins, because they provide the same functions.
 */
#include "os/twin.h"

static const struct os native = {
    .open = slot__os_file_open,
    .keep = slot__os_file_keep,
    .close = slot__os_file_close,
    .size = slot__os_file_size,
    .resize = slot__os_file_resize,
    .allocate = slot__os_file_allocate,
    .read_at = slot__os_file_read_at,
    .write_at = slot__os_file_write_at,
    .sync = slot__os_file_sync,
    .intact = slot__os_file_intact,
    .start_writeback = slot__os_file_start_writeback,
    .advise = slot__os_file_advise,
    .next_data = slot__os_file_next_data,
    .cached = slot__os_file_cached,
    .map = slot__os_map_open,
    .unmap = slot__os_map_close,
    .flush = slot__os_map_flush,
    .views_apart = slot__os_map_apart,
    .populate = slot__os_map_populate,
    .protect = slot__os_map_protect,
    .advise_view = slot__os_map_advise,
    .lock = slot__os_lock_try,
    .unlock = slot__os_lock_release,
    .held = slot__os_lock_held,
    .downgrade = slot__os_lock_downgrade,
    .open_dir = slot__os_dir_open,
    .split_path = slot__os_dir_split_path,
    .close_dir = slot__os_dir_close,
    .make_dir = slot__os_dir_make,
    .remove_dir = slot__os_dir_remove,
    .remove_file = slot__os_dir_remove_file,
    .rename_new = slot__os_dir_rename_new,
    .sync_dir = slot__os_dir_sync,
    .list = slot__os_dir_list,
    .kind = slot__os_dir_kind,
    .load = slot__os_guard_load,
    .store = slot__os_guard_store,
    .yield = slot__os_seam_yield,
    .clock_ms = slot__os_seam_clock_ms,
    .sleep_us = slot__os_seam_sleep_us,
    .park = slot__os_seam_park,
    .unpark = slot__os_seam_unpark,
    .process = slot__os_seam_process,
    .watch_forks = slot__os_seam_watch_forks,
    .unwatch_forks = slot__os_seam_unwatch_forks,
    .boot_id = slot__os_seam_boot_id,
    .random = slot__os_seam_random,
};

const struct os *slot__os_native(void)
{
    slot__os_guard_install();
    slot__os_seam_install();
    return &native;
}
