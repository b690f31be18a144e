#!/usr/bin/perl
# Give functions and variables a prefix, wherever they are named: in C, in mutant patches, in lists
# of symbols for the linker. Stays until the rooms of src/db have been moved.
#
#   perl tools/prefix.pl OLD=NEW... -- FILES...
#   nm -g --defined-only libslotfile.a | perl tools/prefix.pl --from-nm -- FILES...
#
# With --from-nm every symbol without `slot_` at its beginning gets `slot__`. A word is left alone
# where it is a struct's tag, a member, or a file's name. A word without an underscore, and one of
# @ambiguous, is taken for the symbol only where a call or a declaration follows.
use strict;
use warnings;

my @ambiguous = qw(log_live direct_end verify_log);
my (%new, $files);
while (defined(my $word = shift @ARGV)) {
    if ($word eq '--') {
        last;
    } elsif ($word eq '--from-nm') {
        while (<STDIN>) {
            my @column = split;
            next unless @column == 3 && $column[2] =~ /^\w+$/ && $column[2] !~ /^slot_/;
            $new{$column[2]} = "slot__$column[2]";
        }
    } elsif ($word =~ /^(\w+)=(\w+)$/) {
        $new{$1} = $2;
    } else {
        die "prefix.pl: what is $word? See the top of this file.\n";
    }
}
my %call_only = map { $_ => 1 } @ambiguous, grep { !/_/ } keys %new;
my $names = join '|', sort { length $b <=> length $a || $a cmp $b } keys %new;
for my $file (@ARGV) {
    open my $in, '<', $file or die "$file: $!\n";
    my $text = do { local $/; <$in> };
    close $in;
    my $before = $text;
    $text =~ s{(?<![\w.])(?<!->)(?<!struct )((?:__wrap_|__real_)?)($names)\b(?!\.[cho]\b)(?=(\s*\()?)}
              {$1 . ($call_only{$2} && !defined $3 ? $2 : $new{$2})}ge;
    next if $text eq $before;
    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out;
}
