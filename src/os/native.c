/*
 * The native table: one for both twins, because they provide the same functions.
 */
#include "os/twin.h"

static const struct os native = {
    .open = os_file_open,
    .close = os_file_close,
    .size = os_file_size,
    .resize = os_file_resize,
    .allocate = os_file_allocate,
    .read_at = os_file_read_at,
    .write_at = os_file_write_at,
    .sync = os_file_sync,
    .start_writeback = os_file_start_writeback,
    .advise = os_file_advise,
    .next_data = os_file_next_data,
    .cached = os_file_cached,
    .map = os_map_open,
    .unmap = os_map_close,
    .flush = os_map_flush,
    .populate = os_map_populate,
    .advise_view = os_map_advise,
    .lock = os_lock_try,
    .unlock = os_lock_release,
    .held = os_lock_held,
    .downgrade = os_lock_downgrade,
    .make_dir = os_dir_make,
    .remove_dir = os_dir_remove,
    .remove_file = os_dir_remove_file,
    .rename_new = os_dir_rename_new,
    .sync_dir = os_dir_sync,
    .list = os_dir_list,
    .kind = os_dir_kind,
    .load = os_guard_load,
    .store = os_guard_store,
    .yield = os_seam_yield,
    .clock_ms = os_seam_clock_ms,
    .sleep_us = os_seam_sleep_us,
    .park = os_seam_park,
    .unpark = os_seam_unpark,
    .process = os_seam_process,
    .random = os_seam_random,
};

const struct os *os_native(void)
{
    os_guard_install();
    os_seam_install();
    return &native;
}
