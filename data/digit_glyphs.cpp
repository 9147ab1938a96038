#include "data/digit_glyphs.h"

namespace gradus {
namespace {

using P = GlyphPoint;
constexpr bool C = true;  // corner

// 0: closed oval from the top; one left open; one that overshoots; a slim one.
constexpr P z1[] = {{52, 2}, {22, 16}, {8, 50}, {22, 86}, {50, 98}, {80, 84}, {92, 50}, {78, 14}, {50, 2}};
constexpr P z2[] = {{60, 6}, {28, 12}, {10, 48}, {20, 86}, {48, 98}, {78, 82}, {90, 46}, {74, 12}, {46, 6}};
constexpr P z3[] = {{70, 10}, {40, 3},  {14, 30}, {10, 66}, {34, 96},
                    {68, 92}, {90, 60}, {84, 22}, {56, 6},  {34, 18}};
constexpr P z4[] = {{50, 2}, {32, 20}, {24, 50}, {32, 82}, {50, 98}, {68, 82}, {76, 50}, {68, 18}, {50, 2}};
// 1: a bare stroke; with a flag; with flag and foot.
constexpr P o1[] = {{50, 2}, {50, 34}, {50, 66}, {50, 98}};
constexpr P o2[] = {{30, 24}, {44, 14}, {54, 2, C}, {53, 50}, {52, 98}};
constexpr P o3a[] = {{26, 26}, {42, 14}, {52, 2, C}, {52, 50}, {52, 97}};
constexpr P o3b[] = {{24, 97}, {50, 97}, {78, 96}};
// 2: plain; with a loop at the foot; with a wide swan neck; angular.
constexpr P t1[] = {{12, 26}, {26, 6},     {58, 2},  {82, 20}, {76, 46},
                    {46, 74}, {12, 96, C}, {50, 95}, {90, 95}};
constexpr P t2[] = {{14, 22}, {34, 4}, {66, 6},  {80, 28}, {66, 56}, {38, 84},
                    {18, 96}, {8, 84}, {22, 76}, {46, 88}, {68, 97}, {92, 90}};
constexpr P t3[] = {{18, 30}, {22, 10},    {50, 2},  {78, 12}, {80, 36}, {56, 62},
                    {24, 86}, {10, 97, C}, {42, 90}, {66, 97}, {92, 92}};
constexpr P t4[] = {{12, 12}, {46, 4}, {82, 10}, {80, 34}, {50, 66}, {14, 96, C}, {54, 98}, {90, 96}};
// 3: two bows; flat top; bows with a small loop between.
constexpr P h1[] = {{14, 14}, {38, 2},  {70, 6},  {80, 24}, {66, 42}, {40, 47, C},
                    {72, 54}, {88, 74}, {66, 96}, {34, 98}, {10, 86}};
constexpr P h2[] = {{14, 5},  {48, 5},  {84, 4, C}, {62, 26}, {44, 44, C},
                    {74, 50}, {88, 72}, {66, 95},   {34, 98}, {10, 88}};
constexpr P h3[] = {{18, 18}, {36, 4},  {66, 4},  {78, 24}, {60, 44}, {38, 50},
                    {40, 43}, {70, 52}, {84, 76}, {60, 97}, {28, 96}, {12, 82}};
// 4: open, two strokes; closed in one; open and square.
constexpr P f1a[] = {{30, 4}, {22, 32}, {12, 58, C}, {50, 58}, {92, 54}};
constexpr P f1b[] = {{72, 18}, {68, 58}, {62, 98}};
constexpr P f2[] = {{66, 98}, {66, 50}, {68, 2, C}, {38, 36}, {8, 66, C}, {50, 66}, {94, 65}};
constexpr P f3a[] = {{18, 4}, {16, 28}, {18, 50}, {42, 56}, {78, 48}};
constexpr P f3b[] = {{82, 2}, {80, 48}, {78, 98}};
constexpr P f4a[] = {{62, 4}, {36, 34}, {8, 64, C}, {48, 66}, {94, 62}};
constexpr P f4b[] = {{68, 34}, {64, 66}, {60, 98}};
// 5: body and hat; one stroke from the hat; a flowing S.
constexpr P v1a[] = {{26, 6},  {22, 26}, {18, 46, C}, {46, 38}, {78, 48},
                     {86, 70}, {64, 94}, {34, 98},    {10, 86}};
constexpr P v1b[] = {{26, 6}, {54, 5}, {86, 3}};
constexpr P v2[] = {{84, 4},  {56, 5},  {26, 6, C}, {24, 24}, {20, 44, C},
                    {52, 40}, {82, 54}, {82, 80},   {54, 98}, {12, 90}};
constexpr P v3[] = {{84, 6},  {52, 4},  {30, 14}, {24, 34}, {44, 46},
                    {72, 56}, {82, 76}, {60, 97}, {30, 96}, {10, 84}};
// 6: a curl; a straight back; a round back with a wide bowl.
constexpr P s1[] = {{72, 4},  {42, 20}, {20, 50}, {16, 80}, {40, 98},
                    {72, 92}, {82, 72}, {62, 56}, {34, 62}, {20, 78}};
constexpr P s2[] = {{52, 2}, {34, 32}, {22, 66}, {34, 94}, {62, 96}, {76, 78}, {66, 60}, {42, 60}, {26, 74}};
constexpr P s3[] = {{82, 12}, {60, 3},  {30, 18}, {12, 52}, {20, 88}, {52, 98},
                    {84, 84}, {84, 62}, {58, 50}, {28, 58}, {16, 70}};
// 7: plain; with a bar; with a hooked roof; bowed.
constexpr P e1[] = {{10, 8}, {48, 7}, {90, 5, C}, {64, 44}, {42, 98}};
constexpr P e2a[] = {{12, 8}, {50, 6}, {88, 5, C}, {62, 48}, {44, 98}};
constexpr P e2b[] = {{30, 52}, {56, 50}, {80, 48}};
constexpr P e3[] = {{14, 22}, {16, 8, C}, {50, 10}, {88, 4, C}, {66, 42}, {48, 98}};
constexpr P e4[] = {{12, 12}, {40, 5}, {74, 8}, {86, 16}, {70, 44}, {56, 70}, {50, 98}};
// 8: one stroke, crossing in the middle; two circles; begun at the right.
constexpr P g1[] = {{74, 12}, {46, 2},  {24, 18}, {36, 38}, {66, 56}, {80, 78},
                    {50, 98}, {20, 82}, {30, 58}, {60, 40}, {76, 20}, {66, 6}};
constexpr P g2a[] = {{50, 3}, {26, 14}, {28, 38}, {50, 47}, {72, 38}, {74, 14}, {50, 3}};
constexpr P g2b[] = {{50, 47}, {22, 58}, {18, 84}, {50, 98}, {82, 84}, {78, 58}, {50, 47}};
constexpr P g3[] = {{60, 48}, {34, 38}, {24, 18}, {50, 2},  {74, 14}, {66, 38},
                    {38, 56}, {20, 78}, {44, 98}, {74, 88}, {74, 62}, {54, 46}};
// 9: a ring with a straight stem; with a hooked tail; in one line with a bent stem.
constexpr P n1[] = {{80, 16}, {54, 3},     {22, 14}, {18, 38}, {44, 50},
                    {72, 40}, {82, 14, C}, {78, 56}, {70, 98}};
constexpr P n2[] = {{80, 18},    {52, 3},  {22, 16}, {20, 40}, {48, 50}, {76, 36},
                    {82, 14, C}, {82, 60}, {66, 92}, {38, 98}, {20, 88}};
constexpr P n3[] = {{70, 10}, {40, 4}, {20, 24}, {34, 46}, {62, 40}, {74, 18}, {70, 44}, {58, 72}, {46, 98}};

// How strokes make a glyph and glyphs a digit.
constexpr GlyphStroke z1s[] = {z1}, z2s[] = {z2}, z3s[] = {z3}, z4s[] = {z4};
constexpr GlyphStroke o1s[] = {o1}, o2s[] = {o2}, o3s[] = {o3a, o3b};
constexpr GlyphStroke t1s[] = {t1}, t2s[] = {t2}, t3s[] = {t3}, t4s[] = {t4};
constexpr GlyphStroke h1s[] = {h1}, h2s[] = {h2}, h3s[] = {h3};
constexpr GlyphStroke f1s[] = {f1a, f1b}, f2s[] = {f2}, f3s[] = {f3a, f3b}, f4s[] = {f4a, f4b};
constexpr GlyphStroke v1s[] = {v1a, v1b}, v2s[] = {v2}, v3s[] = {v3};
constexpr GlyphStroke s1s[] = {s1}, s2s[] = {s2}, s3s[] = {s3};
constexpr GlyphStroke e1s[] = {e1}, e2s[] = {e2a, e2b}, e3s[] = {e3}, e4s[] = {e4};
constexpr GlyphStroke g1s[] = {g1}, g2s[] = {g2a, g2b}, g3s[] = {g3};
constexpr GlyphStroke n1s[] = {n1}, n2s[] = {n2}, n3s[] = {n3};

constexpr Glyph zero[] = {z1s, z2s, z3s, z4s}, one[] = {o1s, o1s, o2s, o3s}, two[] = {t1s, t2s, t3s, t4s};
constexpr Glyph three[] = {h1s, h2s, h3s}, four[] = {f1s, f2s, f3s, f4s}, five[] = {v1s, v2s, v3s};
constexpr Glyph six[] = {s1s, s2s, s3s}, seven[] = {e1s, e2s, e3s, e4s}, eight[] = {g1s, g2s, g3s};
constexpr Glyph nine[] = {n1s, n2s, n3s};

constexpr std::span<const Glyph> kDigits[] = {zero, one, two, three, four, five, six, seven, eight, nine};

}  // namespace

std::span<const Glyph> glyphs_of(int digit) { return kDigits[digit]; }

}  // namespace gradus
