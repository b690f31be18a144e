#include "raw_pages.h"

void raw_pages_create(struct raw_pages *pages, const struct bench *bench, const char *name,
                      uint64_t count)
{
    const struct os *os = bench->os;
    size_t size = (size_t)(count * PAGE_BYTES);
    void *base = NULL;
    os_result result;

    pages->bench = bench;
    pages->name = name;
    pages->count = count;
    pages->file = bench_open_file(bench, name, OS_READ | OS_WRITE | OS_CREATE_NEW);
    result = os->allocate(os, pages->file, 0, size);
    if (result.status == SLOT_E_UNSUPPORTED)
        result = os->resize(os, pages->file, size);
    must_os(result, "allocate");
    must_os(os->map(os, pages->file, 0, size, OS_MAP_WRITE, &base), "map");
    pages->base = base;
    os->advise_view(os, base, size, OS_ADVICE_RANDOM); /* or read-ahead makes pages larger */
    must_os(os->populate(os, base, size, true), "populate");
    must_os(os->flush(os, base, size), "flush");
    must_os(os->sync(os, pages->file), "sync");
}

void raw_pages_destroy(struct raw_pages *pages)
{
    const struct os *os = pages->bench->os;

    os->unmap(os, pages->base, (size_t)(pages->count * PAGE_BYTES));
    os->close(os, pages->file);
    bench_remove_file(pages->bench, pages->name);
}
